"""Airflow's own example DAGs, run by `airflow dags test` without us and with us, and the record of them judged by Airflow's table.

`catalogue` says which DAGs and why not the others, `warm` runs them, `judge` compares, and `python -m airflow_examples` prints it.
"""
