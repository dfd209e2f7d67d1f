"""Which crops of other patients look like this one, by what a frozen encoder says of them."""
