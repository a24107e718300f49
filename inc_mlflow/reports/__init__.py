"""What people and programs read: the job's result, the table, the schema."""
