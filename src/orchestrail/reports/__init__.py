"""Documents made of the record: values first, then their renderings. Nothing here writes to the record or decides a requirement."""
