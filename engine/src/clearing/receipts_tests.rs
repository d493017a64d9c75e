//! Bounds, forgeries and the table of receipts; the rules are in `tests/receipts`.

