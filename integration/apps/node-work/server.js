// Work in flight, for Node.
//
//   /work?ms=N&id=X  takes N ms, and writes "begin X" and "end X" to the file JOURNAL
//   /leak            leaves a child that never ends
//   /pid             the process that answers
//
// On TERM it stops accepting, finishes what is in flight and ends. With NAIVE set it has no handler, as most Node apps.
const fs = require("fs");
const http = require("http");
const { spawn } = require("child_process");

const journal = (line) => fs.appendFileSync(process.env.JOURNAL, line + "\n");

const server = http.createServer((request, response) => {
  const url = new URL(request.url, "http://app");
  const id = url.searchParams.get("id");
  switch (url.pathname) {
    case "/work":
      journal("begin " + id);
      setTimeout(() => { journal("end " + id); response.end("done\n"); }, Number(url.searchParams.get("ms")));
      break;
    case "/leak":
      response.end(spawn("sleep", ["1000"], { stdio: "ignore" }).pid + "\n");
      break;
    case "/pid":
      response.end(process.pid + "\n");
      break;
    default:
      response.writeHead(404).end("no such path\n");
  }
});

const [host, port] = process.env.ADDRESS.split(":");
server.listen(Number(port), host);

if (!process.env.NAIVE) {
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.on(signal, () => { server.close(() => process.exit(0)); server.closeIdleConnections(); });
  }
}
