"""One intermediate form of tool schemas, and what is made of it: modules and documentation."""
