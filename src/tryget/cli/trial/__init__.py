# SPDX-License-Identifier: Apache-2.0
"""What `demo` and `torture` share: workers that get killed, values that can be judged."""
