"""`python -m carbon_hook`"""

from carbon_hook.cli import main

if __name__ == "__main__":
    main()
