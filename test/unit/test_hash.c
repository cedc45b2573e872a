/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes against the vectors of spec Appendix C and of the published test suites.
 */
#include "common/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/strbuf.h"

static void test_revision_hash_of_appendix_c(void **state)
{
    (void)state;
    static const char data[] =
        "{\"spec\":{\"template\":{\"$patch\":\"replace\",\"metadata\":{\"creationTimestamp\":null,\"labels\":{\"app\":"
        "\"web\"}},\"spec\":{\"containers\":[{\"image\":\"nginx:1.25\",\"name\":\"c\",\"resources\":{}}]}}}}";
    static const struct {
        const char *count;
        uint32_t sum; /* 0: not given */
        const char *name;
    } rows[] = {{"0", 2009453344u, "644f897788"}, {"1", 0, "644f897789"}, {"2", 0, "644f89778b"}};

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        uint32_t h = cs_fnv32_1(CS_FNV32_INIT, data, strlen(data));
        cs_autostrbuf text = CS_STRBUF_INIT;
        char name[16];

        h = cs_fnv32_1(h, rows[i].count, 1);
        if (rows[i].sum)
            assert_int_equal(h, rows[i].sum);
        cs_strbuf_addu(&text, h);
        cs_safe_encode((struct cs_str){text.data, text.len}, name);
        assert_string_equal(name, rows[i].name);
    }
}

/* The claim-template hash: FNV-1a over the bytes written as a Go byte slice prints. */
static uint32_t hash_as_printed_bytes(const char *bytes)
{
    cs_autostrbuf text = CS_STRBUF_INIT;

    cs_strbuf_adds(&text, "([]uint8)[");
    for (const char *p = bytes; *p; p++)
        cs_strbuf_addf(&text, "%s%u", p == bytes ? "" : " ", (unsigned)(unsigned char)*p);
    cs_strbuf_addc(&text, ']');
    return cs_fnv32_1a(CS_FNV32_INIT, text.data, text.len);
}

static void test_claim_template_hash_of_appendix_c(void **state)
{
    (void)state;
    assert_int_equal(hash_as_printed_bytes("hi"), 1312211575u);
    assert_int_equal(hash_as_printed_bytes(
                         "[{\"metadata\":{\"name\":\"data\",\"creationTimestamp\":null},\"spec\":{\"accessModes\":["
                         "\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"5Gi\"}}},\"status\":{}}]"),
        353871617u);
}

static void test_fnv_of_nothing_is_the_offset(void **state)
{
    (void)state;
    assert_int_equal(cs_fnv32_1(CS_FNV32_INIT, "", 0), 0x811c9dc5u);
    assert_int_equal(cs_fnv32_1a(CS_FNV32_INIT, "", 0), 0x811c9dc5u);
    assert_true(cs_fnv64_1a(CS_FNV64_INIT, "", 0) == 0xcbf29ce484222325ull);
}

static void test_fnv_published_vectors(void **state)
{
    (void)state;
    assert_int_equal(cs_fnv32_1(CS_FNV32_INIT, "a", 1), 0x050c5d7eu);
    assert_int_equal(cs_fnv32_1a(CS_FNV32_INIT, "a", 1), 0xe40c292cu);
    assert_int_equal(cs_fnv32_1(CS_FNV32_INIT, "foobar", 6), 0x31f0b262u);
    assert_int_equal(cs_fnv32_1a(CS_FNV32_INIT, "foobar", 6), 0xbf9cf968u);
    assert_true(cs_fnv64_1a(CS_FNV64_INIT, "foobar", 6) == 0x85944171f73967e8ull);
}

static void test_fnv_in_pieces(void **state)
{
    (void)state;
    uint32_t h = cs_fnv32_1(CS_FNV32_INIT, "foo", 3);

    assert_int_equal(cs_fnv32_1(h, "bar", 3), cs_fnv32_1(CS_FNV32_INIT, "foobar", 6));
}

static void test_safe_encoding_of_digits(void **state)
{
    (void)state;
    char out[11];

    cs_safe_encode(CS_STR("0123456789"), out);
    assert_string_equal(out, "456789bcdf");
    cs_safe_encode(CS_STR(""), out);
    assert_string_equal(out, "");
}

static void test_safe_encoding_takes_any_byte(void **state)
{
    (void)state;
    char out[257];
    char in[256];

    for (int i = 0; i < 256; i++)
        in[i] = (char)i;
    cs_safe_encode((struct cs_str){in, sizeof(in)}, out);
    assert_int_equal(strlen(out), 256);
    assert_int_equal(out[255], cs_safe_alphabet[255 % 27]);
    assert_int_equal(strspn(out, cs_safe_alphabet), 256);
}

static void test_sha256(void **state)
{
    (void)state;
    char out[CS_SHA256_HEX_SIZE];

    cs_sha256_hex(CS_STR("abc"), out);
    assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    cs_sha256_hex((struct cs_str){NULL, 0}, out);
    assert_string_equal(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_revision_hash_of_appendix_c),
        cmocka_unit_test(test_claim_template_hash_of_appendix_c),
        cmocka_unit_test(test_fnv_of_nothing_is_the_offset),
        cmocka_unit_test(test_fnv_published_vectors),
        cmocka_unit_test(test_fnv_in_pieces),
        cmocka_unit_test(test_safe_encoding_of_digits),
        cmocka_unit_test(test_safe_encoding_takes_any_byte),
        cmocka_unit_test(test_sha256),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
