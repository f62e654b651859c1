# SPDX-License-Identifier: Apache-2.0
"""Values as bytes: a file a codec, put together by registry.py."""
