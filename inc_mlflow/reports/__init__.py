"""What people and programs read: the result of a job, tables, pictures, pages."""
