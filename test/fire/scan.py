# SPDX-License-Identifier: Apache-2.0
"""TLS as tools that are not ours see it: sslyze, and openssl s_client over every protocol and suite."""

import json
import os
import re
import subprocess
import threading
import sys

from harness import Skip, check, check_equal

SSLYZE = "sslyze==6.3.1"
SCANS = ["certinfo", "sslv2", "sslv3", "tlsv1", "tlsv1_1", "tlsv1_2", "tlsv1_3", "reneg", "heartbleed", "openssl_ccs", "robot",
         "fallback", "compression", "early_data", "elliptic_curves", "ems"]


def sslyze(build):
    """The program, in an environment of its own below the build folder."""
    place = os.path.join(build, SSLYZE.replace("==", "-"))
    program = os.path.join(place, "bin", "sslyze")
    if not os.path.exists(program):
        for command in ([sys.executable, "-m", "venv", place], [os.path.join(place, "bin", "pip"), "install", "-q", SSLYZE]):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
            if done.returncode:
                raise Skip(f"{SSLYZE} cannot be installed here: {done.stdout.strip()[-200:]}")
    return program


def scan(build, port, folder):
    """What sslyze found: {scan: result}."""
    out = os.path.join(folder, "sslyze.json")
    flags = [f"--{name}" for name in SCANS]
    done = subprocess.run([sslyze(build), "--mozilla_config=disable", f"--json_out={out}", *flags, f"127.0.0.1:{port}"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    check(os.path.exists(out), f"sslyze wrote nothing: {done.stdout[-500:]}")
    with open(out, encoding="utf-8") as file:
        result = json.load(file)["server_scan_results"][0]
    check_equal(result["scan_status"], "COMPLETED", "scan")
    return {name: value["result"] for name, value in result["scan_result"].items() if value and value["status"] == "COMPLETED"}


def accepted(found, protocol):
    return [suite["cipher_suite"]["name"] for suite in found[f"{protocol}_cipher_suites"]["accepted_cipher_suites"]]


def check_sslyze(build, port, folder):
    found = scan(build, port, folder)
    for protocol in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"):
        check_equal(accepted(found, protocol), [], protocol)
    old, new = accepted(found, "tls_1_2"), accepted(found, "tls_1_3")
    check(old and new, f"TLS 1.2 {old}, 1.3 {new}")
    forward_secret = re.compile(r"TLS_ECDHE_(ECDSA|RSA)_WITH_(AES_\d+_GCM|CHACHA20_POLY1305)_SHA\d+")
    for suite in old:
        check(forward_secret.fullmatch(suite), f"without forward secrecy: {suite}")
    check(not found["session_renegotiation"]["is_vulnerable_to_client_renegotiation_dos"], "renegotiation is answered")
    check(not found["tls_1_3_early_data"]["supports_early_data"], "early data is taken")
    check(not found["tls_compression"]["supports_compression"], "compression")
    check(not found["heartbleed"]["is_vulnerable_to_heartbleed"], "Heartbleed")
    check(not found["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"], "CCS injection")
    check(found["tls_fallback_scsv"]["supports_fallback_scsv"], "no protection against a downgrade")
    check(found["tls_extended_master_secret"]["supports_ems_extension"], "no extended master secret")
    check("NOT_VULNERABLE" in found["robot"]["robot_result"], f"ROBOT: {found['robot']['robot_result']}")
    curves = {curve["name"] for curve in found["elliptic_curves"]["supported_curves"]}
    check(curves <= {"X25519", "prime256v1", "secp256r1", "secp384r1", "X448", "secp521r1"}, f"curves {curves}")
    return len(old) + len(new)


def s_client(port, *flags, stdin="", timeout=10):
    """(exit code, all that openssl said)."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *flags], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout, check=False)
    return done.returncode, done.stdout


def suites_of_openssl():
    done = subprocess.run(["openssl", "ciphers", "ALL:COMPLEMENTOFALL:eNULL:@SECLEVEL=0"], stdout=subprocess.PIPE, text=True,
                          check=True)
    return [name for name in done.stdout.strip().split(":") if not name.startswith("TLS_")]


def check_openssl(port):
    """Every suite that openssl knows, in TLS 1.2 and below: only those with forward secrecy and authenticated encryption."""
    for flag in ("-tls1", "-tls1_1"):
        code, text = s_client(port, flag, "-cipher", "ALL:@SECLEVEL=0")
        check(code != 0 and "Cipher is (NONE)" in text, f"{flag} is accepted")
    good, all_suites = [], suites_of_openssl()
    for suite in all_suites:
        code, text = s_client(port, "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0")
        if code == 0 and "Cipher is (NONE)" not in text:
            good.append(suite)
    for suite in good:
        check(re.fullmatch(r"ECDHE-(ECDSA|RSA)-(AES\d+-GCM-SHA\d+|CHACHA20-POLY1305)", suite), f"accepted: {suite}")
    check(good, "no suite of TLS 1.2 is accepted")
    return len(good), len(all_suites)


def check_renegotiation(port):
    """Asks for it and waits for the answer: at the end of its input openssl would go away before it comes."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", "-legacy_renegotiation"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
        client.stdin.write(b"R\n")
        client.stdin.flush()
        killer = threading.Timer(20, client.kill)
        killer.start()
        text = client.stdout.read().decode(errors="replace")
        killer.cancel()
    check(re.search(r"RENEGOTIATING\s+(closed|.*error)", text), f"renegotiation: {text[-300:]}")


def check_no_http2(port):
    _, text = s_client(port, "-alpn", "h2,http/1.1")
    check("ALPN protocol: h2" not in text, "HTTP/2 is promised")
