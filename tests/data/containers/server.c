/* A tiny HTTP server for images that are good, and for images that are broken on purpose. One static program, no shell.
 *
 *   server [--port N] [--loopback] [--model NAME] [--tags] [--silent-health | --slow-health SECONDS] [--ignore-term]
 *          [--exit CODE] [--term-code CODE] [--write PATH] [--eat MEGABYTES] [--no-tokens]
 *   server ask HOST PORT MODEL     one chat completion; prints the answer, exit 0 where it is a 200
 *   server say WORD                prints the word
 *   server write PATH              writes a file and ends
 *   server fail                    exit 9
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int term_code = 0;
static void on_term(int number) {
  (void)number;
  (void)!write(2, "stopping\n", 9);
  _exit(term_code);
}

static void die(const char *what) {
  fprintf(stderr, "server: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void write_state(const char *path) {
  int file = open(path, O_WRONLY | O_CREAT, 0644);
  if (file < 0) die(path);
  if (write(file, "state\n", 6) != 6) die(path);
  close(file);
}

static int ask(const char *host, const char *port, const char *model) {
  struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
  int problem = getaddrinfo(host, port, &hints, &found);
  if (problem) {
    fprintf(stderr, "server: %s: %s\n", host, gai_strerror(problem));
    return 2;
  }
  int peer = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(peer, found->ai_addr, found->ai_addrlen)) die("connect");
  char body[512], request[1024], answer[4096];
  snprintf(body, sizeof body, "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}", model);
  snprintf(request, sizeof request,
           "POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", host,
           strlen(body), body);
  if (write(peer, request, strlen(request)) < 0) die("write");
  size_t size = 0;
  for (ssize_t got; (got = read(peer, answer + size, sizeof answer - 1 - size)) > 0;) size += got;
  answer[size] = 0;
  puts(answer);
  return strstr(answer, " 200 ") ? 0 : 1;
}

int main(int count, char **words) {
  int port = 8080, loopback = 0, ignore_term = 0, silent = 0, slow = 0, tokens = 5, has_tags = 0;
  const char *model = NULL;
  if (count == 5 && !strcmp(words[1], "ask")) return ask(words[2], words[3], words[4]);
  if (count == 3 && !strcmp(words[1], "say")) return puts(words[2]) < 0;
  if (count == 3 && !strcmp(words[1], "write")) {
    write_state(words[2]);
    return 0;
  }
  if (count == 2 && !strcmp(words[1], "fail")) {
    fprintf(stderr, "server: failing as asked\n");
    return 9;
  }
  for (int i = 1; i < count; i++) {
    const char *flag = words[i], *value = i + 1 < count ? words[i + 1] : "";
    if (!strcmp(flag, "--loopback")) loopback = 1;
    else if (!strcmp(flag, "--ignore-term")) ignore_term = 1;
    else if (!strcmp(flag, "--silent-health")) silent = 1;
    else if (!strcmp(flag, "--no-tokens")) tokens = 0;
    else if (!strcmp(flag, "--tags")) has_tags = 1;
    else if (i++, !strcmp(flag, "--port")) port = atoi(value);
    else if (!strcmp(flag, "--model")) model = value;
    else if (!strcmp(flag, "--slow-health")) slow = atoi(value);
    else if (!strcmp(flag, "--term-code")) term_code = atoi(value);
    else if (!strcmp(flag, "--exit")) {
      fprintf(stderr, "server: cannot find my configuration\n");
      return atoi(value);
    } else if (!strcmp(flag, "--write")) {
      write_state(value);
    } else if (!strcmp(flag, "--eat")) {
      size_t size = (size_t)atoi(value) << 20;
      char *eaten = malloc(size);
      for (size_t at = 0; eaten && at < size; at += 4096) eaten[at] = 1;
    } else {
      fprintf(stderr, "server: %s: no such flag\n", flag);
      return 2;
    }
  }
  /* the first process of a container gets no signal that it has no handler for */
  signal(SIGTERM, ignore_term ? SIG_IGN : on_term);
  signal(SIGPIPE, SIG_IGN);
  int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port)};
  own.sin_addr.s_addr = htonl(loopback ? INADDR_LOOPBACK : INADDR_ANY);
  if (bind(listener, (struct sockaddr *)&own, sizeof own) || listen(listener, 16)) die("listen");
  fprintf(stderr, "server: listening on %d\n", port);
  time_t begun = time(NULL);
  for (;;) {
    int peer = accept(listener, NULL, NULL);
    if (peer < 0) continue;
    char request[4096], body[512], head[256];
    ssize_t size = read(peer, request, sizeof request - 1);
    request[size > 0 ? size : 0] = 0;
    const char *status = "200 OK";
    snprintf(body, sizeof body, "{\"status\":\"ok\"}");
    if (!strncmp(request, "GET /health ", 12)) {
      if (silent || time(NULL) - begun < slow) status = "503 Service Unavailable";
    } else if (!strncmp(request, "GET /extra ", 11)) {
      snprintf(body, sizeof body, "extra");
    } else if (model && !strncmp(request, "GET /v1/models ", 15)) {
      snprintf(body, sizeof body, "{\"object\":\"list\",\"data\":[{\"id\":\"%s\",\"object\":\"model\"}]}", model);
    } else if (model && has_tags && !strncmp(request, "GET /api/version ", 17)) {
      snprintf(body, sizeof body, "{\"version\":\"0.0.0\"}");
    } else if (model && has_tags && !strncmp(request, "GET /api/tags ", 14)) {
      snprintf(body, sizeof body, "{\"models\":[{\"name\":\"%s\"}]}", model);
    } else if (model && !strncmp(request, "POST /v1/chat/completions ", 26)) {
      snprintf(body, sizeof body,
               "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"%s\"}}],"
               "\"usage\":{\"completion_tokens\":%d}}",
               tokens ? "Hello" : "", tokens);
    } else {
      status = "404 Not Found";
    }
    snprintf(head, sizeof head,
             "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
             strlen(body));
    (void)!write(peer, head, strlen(head));
    (void)!write(peer, body, strlen(body));
    shutdown(peer, SHUT_WR);
    while (read(peer, request, sizeof request) > 0) {}
    close(peer);
  }
}
