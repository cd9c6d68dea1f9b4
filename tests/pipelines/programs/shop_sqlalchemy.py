"""A shop's orders in SQLite with SQLAlchemy and pandas: staging tables, a fact table, a report that leaves as CSV."""

import pandas as pd
from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    func,
    insert,
    select,
    text,
)

metadata = MetaData()
customers = Table("customers", metadata, Column("id", Integer, primary_key=True), Column("city", String))
orders = Table(
    "orders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("customer_id", ForeignKey("customers.id")),
    Column("amount", Float),
)
totals = Table("totals", metadata, Column("city", String), Column("amount", Float))


def main() -> int:
    engine = create_engine("sqlite:///shop.db")
    totals.create(engine)
    pd.read_csv("new_orders.csv").to_sql("staged", engine, index=False)
    with engine.begin() as connection:
        staged = text(
            "insert into orders (customer_id, amount) select customer_id, amount from staged where amount > :least"
        )
        connection.execute(staged, {"least": 1.5})
        by_city = (
            select(customers.c.city, func.sum(orders.c.amount))
            .join_from(orders, customers)
            .where(customers.c.city != "nowhere")
            .group_by(customers.c.city)
        )
        connection.execute(insert(totals).from_select(["city", "amount"], by_city))
        connection.execute(text("drop table staged"))
    report = pd.read_sql("select * from totals order by amount desc", engine)
    report.to_csv("report.csv", index=False)
    engine.dispose()
    return len(report)
