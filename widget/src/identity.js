/** Who this visitor is to the server: a token kept in memory only, since nothing is stored on the device. */
export function createIdentity() {
  return {
    // The query string is left out: it may carry what the host page would not want to share.
    describe: () => ({
      page: location.origin + location.pathname,
      device: matchMedia("(pointer:coarse)").matches ? "mobile" : "desktop",
      locale: navigator.language,
    }),
  };
}
