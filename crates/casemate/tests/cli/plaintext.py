"""Answers SQL over plaintext files with DuckDB: plaintext.py SQL NAME=FILE... prints the rows as JSON."""

import json
import sys

import duckdb


def main() -> None:
    sql, *tables = sys.argv[1:]
    connection = duckdb.connect()
    for table in tables:
        name, path = table.split("=", 1)
        quoted = path.replace("'", "''")
        connection.execute(f'CREATE VIEW "{name}" AS SELECT * FROM \'{quoted}\'')
    rows = connection.execute(sql).fetchall()
    print(json.dumps([[value if isinstance(value, (int, float, str)) or value is None else float(value) for value in row] for row in rows]))


if __name__ == "__main__":
    main()
