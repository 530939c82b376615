"""What pyarrow does with sealed tables: `sealed_tables.py VERB PATH KEY_HEX AAD_PREFIX_HEX`. Called by pyarrow.rs."""

import datetime
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

VERB, PATH = sys.argv[1:3]
KEY, PREFIX = (bytes.fromhex(text) for text in sys.argv[3:5])


def table(zone=None):
    """Three rows of every type that sealed tables may have."""
    us, utc = datetime.timedelta(microseconds=1), datetime.datetime(1970, 1, 1)
    seen = [datetime.datetime(2026, 11, 22, 1, 54, 56, 1), None, utc - us]
    return pa.table({
        "id": pa.array([1, 2, 3], pa.int64()),
        "score": pa.array([0.5, None, -1.5], pa.float64()),
        "ward": pa.array(["north", "south", None], pa.string()),
        "large": pa.array(["a", "b", "c"], pa.large_string()),
        "home": pa.array([True, None, False], pa.bool_()),
        "born": pa.array([datetime.date(2000, 2, 29), None, datetime.date(1969, 12, 31)], pa.date32()),
        "seen": pa.array(seen, pa.timestamp("us", zone)),
    })


def write(data, **properties):
    """Writes `data` as README says, but for what `properties` change."""
    settings = dict(footer_key=KEY, aad_prefix=PREFIX, store_aad_prefix=False)
    settings.update(properties)
    settings = {name: value for name, value in settings.items() if value is not None}
    pq.write_table(data, PATH, encryption_properties=pe.create_encryption_properties(**settings))


def opened(key=KEY, prefix=PREFIX):
    """The file under `key` and `prefix`."""
    properties = pe.create_decryption_properties(footer_key=key, aad_prefix=prefix)
    return pq.ParquetFile(PATH, decryption_properties=properties)


def refused(what, attempt):
    """Prints that `attempt` failed."""
    try:
        attempt()
    except (OSError, pa.ArrowException):
        print(what, "refused")


def read():
    """Prints schema and rows, then tries what must fail."""
    data = opened().read()
    print(" ".join(f"{field.name}:{field.type}" for field in data.schema))
    for row in data.to_pylist():
        print(tuple(row.values()))
    refused("wrong prefix", lambda: opened(prefix=bytes(32)))
    refused("wrong key", lambda: opened(key=bytes(32)))
    refused("no key", lambda: pq.ParquetFile(PATH))


def read_sum():
    """Prints figures of a large table."""
    file = opened()
    data = file.read()
    total, texts = sum(data["n"].to_pylist()), len(set(data["t"].to_pylist()))
    print(f"{data.num_rows} rows, {file.num_row_groups} row groups, sum {total}, {texts} texts")


VERBS = {
    "read": read,
    "sum": read_sum,
    "write": lambda: write(table()),
    "write_ctr": lambda: write(table(), encryption_algorithm="AES_GCM_CTR_V1"),
    "write_plaintext_footer": lambda: write(table(), plaintext_footer=True),
    "write_stored_prefix": lambda: write(table(), store_aad_prefix=True),
    "write_no_prefix": lambda: write(table(), aad_prefix=None, store_aad_prefix=None),
    "write_plain": lambda: pq.write_table(table(), PATH),
    "write_zoned": lambda: write(table(zone="UTC")),
    "write_dictionary": lambda: pq.write_table(
        pa.table({
            "ward": pa.array(["north", "south", "north"]).dictionary_encode(),
            "small": pa.array([1, 2, None], pa.int16()),
        }),
        PATH,
    ),
}

VERBS[VERB]()
