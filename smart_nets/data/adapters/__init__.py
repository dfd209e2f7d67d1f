"""Public data sets and tables, read into datalist items."""
