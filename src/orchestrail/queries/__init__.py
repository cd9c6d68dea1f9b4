"""The read side: questions to the record, answered in typed rows and, through `documents`, in the JSON objects of the contract.

No SQL stands above this line, and nothing here changes the record. The tables that are read are `orchestrail.projections`'; their
rows are named here for those who ask.
"""

from orchestrail.projections.rows import Code, End, ReconciliationRow, RunRow, Use

__all__ = ["Code", "End", "ReconciliationRow", "RunRow", "Use"]
