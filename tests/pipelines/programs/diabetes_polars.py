"""The diabetes data of scikit-learn with polars: lazy scans, a join with a look-up file, sinks of three formats."""

import polars as pl


def main() -> int:
    patients = pl.scan_csv("diabetes-*.csv")
    groups = pl.read_ndjson("groups.ndjson")
    joined = (
        patients.with_columns(pl.when(pl.col("bmi") > 0).then(pl.lit("high")).otherwise(pl.lit("low")).alias("group"))
        .join(groups.lazy(), on="group")
        .filter(pl.col("target") > 50)
    )
    joined.sink_parquet("patients.parquet")
    summary = (
        pl.scan_parquet("patients.parquet")
        .group_by("label")
        .agg(pl.col("target").mean(), pl.len())
        .sort("label")
        .collect()
    )
    summary.write_csv("summary.csv")
    pl.read_parquet("patients.parquet").write_parquet(pl.PartitionBy("by-label", key="label"), mkdir=True)
    pl.read_parquet("by-label").select("age", "bmi", "target").write_ipc("features.arrow")
    return summary.height
