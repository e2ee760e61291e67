"""The SQL of a comparison: row hashes, conditions on keys and buckets, queries."""
