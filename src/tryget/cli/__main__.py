# SPDX-License-Identifier: Apache-2.0
from tryget.cli import main

main()
