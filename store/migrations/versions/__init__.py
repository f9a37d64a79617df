"""One script per step of the schema. A released script is never changed: what follows is a new one."""
