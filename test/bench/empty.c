/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does nothing, with the libraries of the controller: what is left of its memory when all that is ours is taken away.
 */
#include <unistd.h>

int main(void)
{
    (void)pause();
    return 0;
}
