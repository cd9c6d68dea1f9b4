"""Eager and lazy queries over small tables, after the chapters on files, joins and window functions of polars' user guide."""

import polars as pl


def main() -> int:
    pokemon = pl.read_csv("pokemon.csv")
    types = pl.scan_ndjson("types.ndjson")
    ranked = pokemon.with_columns(
        pl.col("speed").rank("ordinal", descending=True).over("type").alias("speed_rank"),
        pl.col("attack").mean().over("type").alias("attack_of_type"),
    )
    ranked.write_json("ranked.json")
    ranked.write_ipc("ranked.arrow")
    fast = pl.scan_ipc("ranked.arrow").join(types, on="type", how="left").filter(pl.col("speed_rank") <= 3)
    fast.sink_csv("fast.csv")
    fast.sink_ndjson("fast.ndjson")
    pivot = pl.read_ndjson("fast.ndjson").pivot("speed_rank", index="type", values="name", aggregate_function="first")
    pivot.write_parquet("podium.parquet", compression="zstd")
    pl.scan_parquet("podium.parquet").select(pl.len()).collect().write_csv("count.csv")
    return pl.read_parquet("podium.parquet").height
