// Owns what is said when TLS to a server fails: from the error's code and text to cause and remedy. Pure.

type KnownTrouble = { readonly signs: RegExp; readonly why: string };

/** Node.js docs, "X509 certificate error codes"; the alerts are those of RFC 8446, 6.2. */
const KNOWN: readonly KnownTrouble[] = [
  {
    signs: /CERT_HAS_EXPIRED|certificate has expired/i,
    why: "the server's certificate has expired: it needs a new one",
  },
  {
    signs: /CERT_NOT_YET_VALID/i,
    why: "the server's certificate is not valid yet: look at the clocks of both hosts",
  },
  {
    signs: /ALTNAME_INVALID|does not match certificate's altnames/i,
    why: "the server's certificate is for another name than the address in --nats: use one of its names",
  },
  {
    signs:
      /SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF|UNABLE_TO_GET_ISSUER|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED|self.signed certificate|unable to (?:verify|get)/i,
    why: "the server's certificate is not of an authority that is trusted here: name the right one with --tls-ca FILE",
  },
  {
    signs: /server does not support 'tls'/i,
    why: 'the server speaks no TLS, and this credential or its options ask for it: leave tls:// and --tls-ca away, or switch TLS on there',
  },
  {
    signs: /certificate.required|CERTIFICATE_REQUIRED|alert bad certificate|BAD_CERTIFICATE/i,
    why: 'the server wants a certificate of the client: give --tls-cert FILE and --tls-key FILE',
  },
  {
    signs: /ALERT_CERTIFICATE_EXPIRED|alert certificate expired/i,
    why: "the server refuses this client's certificate (--tls-cert), which has expired",
  },
  {
    signs: /ALERT_UNKNOWN_CA|alert unknown ca/i,
    why: "the server does not trust the authority of this client's certificate (--tls-cert)",
  },
];

/** Undefined when it has to do with something else. */
export function explainTlsTrouble(error: unknown): string | undefined {
  const said = wordsOf(error);
  return KNOWN.find(({ signs }) => signs.test(said))?.why;
}

/** Code and text of an error and of those that it was made from. */
function wordsOf(error: unknown, depth = 0): string {
  if (!(error instanceof Error) || depth > 3) return '';
  const code = 'code' in error ? String(error.code) : '';
  return `${code} ${error.message} ${wordsOf(error.cause, depth + 1)}`;
}
