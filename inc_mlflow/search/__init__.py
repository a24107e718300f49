"""Search for the best recipes: what to try, and which trials go to the gate. It knows no engine by name."""
