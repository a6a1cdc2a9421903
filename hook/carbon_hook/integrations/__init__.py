"""A few lines each, for tools that call back: import only the one whose tool is installed."""
