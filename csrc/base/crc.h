/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), for the header and for values: detects damage, not malice. */
#ifndef TG_BASE_CRC_H
#define TG_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Start with crc = 0; the result of one piece is the start of the next. */
uint32_t tg_crc32c(uint32_t crc, const void *bytes, size_t size);

#endif
