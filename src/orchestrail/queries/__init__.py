"""The read side: questions to the record, answered in typed rows and, through `documents`, in the JSON objects of the contract.

No SQL stands above this line, and nothing here changes the record. The tables that are read are `orchestrail.projections`'.
"""
