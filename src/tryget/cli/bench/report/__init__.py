# SPDX-License-Identifier: Apache-2.0
"""What a person is shown: tables on a terminal, a page with plots."""
