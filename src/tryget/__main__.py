# SPDX-License-Identifier: Apache-2.0
"""`python -m tryget` is the program `tryget`."""

from tryget.cli import main

main()
