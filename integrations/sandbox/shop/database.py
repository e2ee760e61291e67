"""The shop's database and its logins: products, customers, orders; a trigger and a view."""

from __future__ import annotations

from integrations.sandbox.mariadb_server import MariaDbServer

NAME = "shop"
#: the logins: the application's, one that only reads for the checks, and the database administrator's
APPLICATION, CHECKER, ADMINISTRATOR = "shop_app", "shop_check", "shop_dba"
CREATE = f"create database {NAME} character set utf8mb4 collate utf8mb4_general_ci"

TABLES = (
    "create table customers (id int primary key auto_increment, name varchar(80) not null,"
    " email varchar(120) not null unique, joined datetime not null)",
    "create table products (id int primary key auto_increment, name varchar(80) not null,"
    " price decimal(9,2) not null, stock int not null)",
    "create table orders (id int primary key auto_increment, customer_id int not null,"
    " product_id int not null, quantity int not null, total decimal(9,2) not null,"
    " placed_at datetime not null, note varchar(200),"
    " foreign key (customer_id) references customers (id),"
    " foreign key (product_id) references products (id))",
    "create trigger orders_take_stock after insert on orders for each row"
    " update products set stock = stock - new.quantity where id = new.product_id",
    "create view sales as select p.id, p.name, sum(o.quantity) as sold, sum(o.total) as total"
    " from products p join orders o on o.product_id = p.id group by p.id, p.name",
)
#: One statement a table, from MariaDB's sequences of numbers.
ROWS = (
    "insert into customers (name, email, joined) select concat('Customer ', seq), "
    "concat('customer', seq, '@people.invalid'), '2024-01-01' + interval seq hour from seq_1_to_500",
    "insert into products (name, price, stock)"
    " select concat('Tea no. ', seq, ' – 100 g'), 2 + seq / 4, 100000 from seq_1_to_40",
    "insert into orders (customer_id, product_id, quantity, total, placed_at, note)"
    " select 1 + seq * 7 % 500, 1 + seq * 11 % 40, 1 + seq % 3,"
    " (1 + seq % 3) * (2 + (1 + seq * 11 % 40) / 4), '2026-01-01' + interval seq minute,"
    " if(seq % 10, null, 'Gift for Akosua Ɔsei') from seq_1_to_{orders}",
)
GRANTS = (
    "create user if not exists '{user}'@'127.0.0.1' identified by '{password}';",
    "grant select, insert, update on shop.* to '{user}'@'127.0.0.1';",
)


def make_logins(server: MariaDbServer, passwords: dict[str, str]) -> None:
    """The administrator's login and the one for the checks, on either server."""
    server.execute(
        f"create user if not exists '{CHECKER}'@'127.0.0.1' identified by '{passwords[CHECKER]}'",
        f"grant select, show view, trigger, process on *.* to '{CHECKER}'@'127.0.0.1'",
        f"create user if not exists '{ADMINISTRATOR}'@'127.0.0.1' identified by '{passwords[ADMINISTRATOR]}'",
        f"grant all privileges on *.* to '{ADMINISTRATOR}'@'127.0.0.1' with grant option",
    )


def fill(server: MariaDbServer, passwords: dict[str, str], orders: int) -> None:
    """The shop as it is before the move, on the old server; a shop that is there is kept."""
    if server.execute(f"show databases like '{NAME}'"):
        return
    partial = f"{NAME}_being_made"  # a half-filled database is never taken for the shop
    server.execute(f"drop database if exists {partial}", CREATE.replace(NAME, partial, 1))
    server.execute(*TABLES[:3], *(rows.format(orders=orders) for rows in ROWS), database=partial)
    server.execute(CREATE)
    moves = [f"{partial}.{table} to {NAME}.{table}" for table in ("customers", "products", "orders")]
    server.execute(f"rename table {', '.join(moves)}", f"drop database {partial}")
    server.execute(*TABLES[3:], database=NAME)
    grants = (line.format(user=APPLICATION, password=passwords[APPLICATION]) for line in GRANTS)
    server.execute(*grants)
