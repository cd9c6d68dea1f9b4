"""Users and their addresses in PostgreSQL, after the quick start of SQLAlchemy's ORM; a report by pandas leaves as CSV."""

import os

import pandas as pd
from sqlalchemy import ForeignKey, String, create_engine, func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user_account"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(30))
    fullname: Mapped[str | None]
    addresses: Mapped[list["Address"]] = relationship(back_populates="user", cascade="all, delete-orphan")


class Address(Base):
    __tablename__ = "address"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    user: Mapped[User] = relationship(back_populates="addresses")


def main() -> int:
    engine = create_engine(os.environ["DATABASE"])
    Base.metadata.create_all(engine)
    incoming = pd.read_csv("users.csv")
    with Session(engine) as session:
        for row in incoming.itertuples():
            session.add(
                User(name=row.name, fullname=row.fullname, addresses=[Address(email=f"{row.name}@example.org")])
            )
        session.commit()
        sandy = session.scalars(select(User).where(User.name.in_(["sandy"])).join(User.addresses)).one()
        sandy.addresses.append(Address(email="cheeks@example.org"))
        session.commit()
        session.delete(session.scalars(select(User).where(User.name == "patrick")).one())
        session.commit()
    with engine.begin() as connection:
        connection.execute(text("create temporary table picked as select id from crm.regions where open"))
        connection.execute(text("insert into audit_log (what) select name from picked join crm.regions using (id)"))
        connection.execute(text("explain analyze delete from stale where id < 10"))
    known = select(User.name, func.count(Address.id).label("addresses")).join(User.addresses).group_by(User.name)
    report = pd.read_sql(known, engine)
    report.to_csv("report.csv", index=False)
    report.to_sql("report", engine, index=False)
    engine.dispose()
    return len(report)
