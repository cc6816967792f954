// Kinesis of LocalStack is a program for Node that listens on all interfaces and cannot be told
// otherwise: every server listens on loopback instead.
const { Server } = require("net");

const listen = Server.prototype.listen;

Server.prototype.listen = function (...words) {
  if (typeof words[0] === "object" && words[0] !== null && "port" in words[0]) {
    words[0] = { ...words[0], host: "127.0.0.1" };
  } else if (typeof words[0] === "number" || typeof words[0] === "undefined") {
    const rest = words.slice(typeof words[1] === "string" ? 2 : 1);
    words = [words[0] ?? 0, "127.0.0.1", ...rest];
  }
  return listen.apply(this, words);
};
