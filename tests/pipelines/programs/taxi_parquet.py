"""Trips in a folder partitioned by year and month, after the chapters on partitioned data of the guides of pandas and Arrow."""

import pandas as pd
import pyarrow.dataset as ds


def main() -> int:
    trips = pd.read_parquet("trips", columns=["zone", "miles", "fare", "month"], filters=[("year", "==", 2024)])
    zones = pd.read_csv("zones.csv.gz", index_col="zone")
    trips = trips.join(zones, on="zone").assign(per_mile=lambda frame: frame.fare / frame.miles)
    trips.to_parquet("by_borough", partition_cols=["borough", "month"])
    dear = ds.dataset("by_borough", partitioning="hive").to_table(filter=ds.field("per_mile") > 2.5)
    ds.write_dataset(dear, "dear", format="feather", partitioning=["borough"])
    monthly = pd.read_parquet("by_borough").groupby(["borough", "month"], observed=True)["per_mile"].mean()
    monthly.unstack().to_csv("monthly.csv.bz2")
    monthly.reset_index().to_feather("monthly.feather")
    return len(trips)
