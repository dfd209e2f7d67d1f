"""Tables of lesions and scans: what spreadsheets write, read cell by cell."""
