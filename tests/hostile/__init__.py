"""Files that mean harm, made by script: nothing of them is kept in the repository."""
