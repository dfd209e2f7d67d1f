"""Where many scans are worked on: processes of this machine, or a cluster."""
