/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one program in the test images: a static file server that stands in for
 * nginx, and with --pause the process that holds a Pod's sandbox open.
 *
 *   GET /version   always the image's tag (argv[1]): tells which image runs,
 *                  whatever volume is mounted over the document root
 *   GET /PATH      the file below /usr/share/nginx/html; a directory means its
 *                  index.html
 *   GET /          without an index.html there: a built-in page naming the tag
 * Every answer carries "Server: webpod/<tag>". SIGTERM ends it at once, also as
 * process 1. It serves one short request at a time: enough for tests.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    REQUEST_MAX = 8192,
    PATH_LEN_MAX = 1024,
    PORT_DEFAULT = 80,
    REQUEST_TIMEOUT_S = 5,
};

static const char *const docroot = "/usr/share/nginx/html";

static void on_term(int signal_number)
{
    (void)signal_number;
    _exit(0);
}

/* Process 1 ignores signals that it does not handle, so handle them. */
static void exit_on_signals(void)
{
    signal(SIGTERM, on_term);
    signal(SIGINT, on_term);
    signal(SIGQUIT, on_term);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN); /* as process 1: let the kernel reap orphans */
}

static void send_all(int sock, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(sock, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        bytes += sent;
        len -= (size_t)sent;
    }
}

static void send_head(int sock, const char *status, const char *tag, long long len)
{
    char head[512];
    int n = snprintf(head, sizeof(head),
        "HTTP/1.1 %s\r\nServer: webpod/%s\r\nContent-Type: text/html\r\n"
        "Content-Length: %lld\r\nConnection: close\r\n\r\n",
        status, tag, len);
    send_all(sock, head, (size_t)n);
}

static void send_text(int sock, const char *status, const char *tag, const char *text)
{
    send_head(sock, status, tag, (long long)strlen(text));
    send_all(sock, text, strlen(text));
}

/* Sends the regular file at `path`; returns false when there is none. */
static int send_file(int sock, const char *path, const char *tag)
{
    char buf[16384];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return 0;
    }
    send_head(sock, "200 OK", tag, (long long)st.st_size);
    for (ssize_t n; (n = read(fd, buf, sizeof(buf))) > 0;) {
        send_all(sock, buf, (size_t)n);
    }
    close(fd);
    return 1;
}

static void serve_path(int sock, const char *url, const char *tag)
{
    char path[PATH_LEN_MAX + 64];
    char page[512];
    if (strcmp(url, "/version") == 0) {
        snprintf(page, sizeof(page), "%s\n", tag);
        send_text(sock, "200 OK", tag, page);
        return;
    }
    if (strstr(url, "..") != NULL || strlen(url) > PATH_LEN_MAX) {
        send_text(sock, "400 Bad Request", tag, "bad path\n");
        return;
    }
    int is_dir = url[strlen(url) - 1] == '/';
    snprintf(path, sizeof(path), "%s%s%s", docroot, url, is_dir ? "index.html" : "");
    if (send_file(sock, path, tag)) {
        return;
    }
    if (strcmp(url, "/") == 0) {
        snprintf(page, sizeof(page), "<h1>Welcome to nginx:%s</h1>\n", tag);
        send_text(sock, "200 OK", tag, page);
        return;
    }
    send_text(sock, "404 Not Found", tag, "no such file\n");
}

static void serve_connection(int sock, const char *tag)
{
    char request[REQUEST_MAX + 1];
    size_t len = 0;
    struct timeval limit = {.tv_sec = REQUEST_TIMEOUT_S};
    setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    for (;;) {
        ssize_t n = recv(sock, request + len, REQUEST_MAX - len, 0);
        if (n <= 0) {
            return; /* a probe that only connects ends up here, too */
        }
        len += (size_t)n;
        request[len] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL || len == REQUEST_MAX) {
            break;
        }
    }
    char *url = strchr(request, ' ');
    size_t url_len = url == NULL ? 0 : strcspn(url + 1, " ?\r\n");
    if (strncmp(request, "GET ", 4) != 0 || url_len == 0 || url[1] != '/') {
        send_text(sock, "400 Bad Request", tag, "only GET\n");
        return;
    }
    url[1 + url_len] = '\0';
    serve_path(sock, url + 1, tag);
}

static int listen_on(unsigned short port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;
    int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sock < 0) {
        return -1;
    }
    setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(sock, (struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(sock, 64) != 0) {
        close(sock);
        return -1;
    }
    return sock;
}

int main(int argc, char **argv)
{
    exit_on_signals();
    if (argc > 1 && strcmp(argv[1], "--pause") == 0) {
        for (;;) {
            pause();
        }
    }
    const char *tag = argc > 1 ? argv[1] : "untagged";
    const char *port = getenv("WEBPOD_PORT");
    int listener = listen_on((unsigned short)(port == NULL ? PORT_DEFAULT : strtol(port, NULL, 10)));
    if (listener < 0) {
        perror("webpod: listen");
        return 1;
    }
    printf("webpod %s: serving %s\n", tag, docroot);
    fflush(stdout);
    for (;;) {
        int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (sock >= 0) {
            serve_connection(sock, tag);
            close(sock);
        }
    }
}
