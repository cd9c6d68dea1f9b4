"""Record Apache Airflow: installed beside it, this puts every DAG run and every try of a task instance on the record.

There is nothing to call. `entry` is what Airflow loads, `listener` what it calls, `recording` what then goes on the record;
`translate` and `carrier` hold the words, `host` what is asked of Airflow, `ledger` and `reconcile` what Airflow tells nobody,
and `plugin` what the core asks of the adapter.
"""
