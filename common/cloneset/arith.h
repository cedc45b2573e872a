/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Int-or-percent arithmetic of spec Appendix B. Quirk 4 fixed: fractions ("33.3%") are understood everywhere.
 */
#ifndef CS_CLONESET_ARITH_H
#define CS_CLONESET_ARITH_H

#include "common/api/cloneset.h"

enum cs_round { CS_ROUND_UP, CS_ROUND_DOWN };

/*
 * "<number>%" with an optional sign and fraction, as exact integers: percent = num / den, den a power of ten. A number is
 * what Go's strconv.ParseFloat takes in plain decimal notation: "+5%", "-10%", ".5%" and "5.%" are fine. Refused are
 * blanks, a second sign or '%', "%" alone, exponents, "Inf", "NaN", hexadecimal. Beyond 15 digits of fraction, or what fits
 * 64 bits, digits are cut (a double holds no more); a percentage above 10^12 counts as 10^12 (any number of Pods but 0 then
 * exceeds int32 anyway).
 */
bool cs_percent_parse(struct cs_str s, int64_t *ret_num, int64_t *ret_den);

/* B.1. Absent → 0; clamped to 0…n (0 when n is negative). False when unparsable (the controller goes on with 0). */
bool cs_partition(const struct cs_intstr *v, int32_t n, int32_t *ret);
/*
 * B.2 in the controller: absent → 0, integers as they are (negatives included), "f%" of n rounded as told, unparsable → 0. A
 * string without '%', or with several, is read as a percentage (quirk 5; admission refuses it). The result saturates at int32.
 */
int32_t cs_scaled(const struct cs_intstr *v, int32_t n, enum cs_round round);

#endif
