/** Wraps every entry point, so that nothing of ours, thrown or rejected, ever surfaces on the host page. */
export const safe = (work) => (...args) => {
  try {
    work(...args)?.catch?.(() => {});
  } catch {}
};

export const later = (work, milliseconds) => setTimeout(safe(work), milliseconds);

export const listen = (target, types, work) => {
  for (const type of types.split(" ")) target.addEventListener(type, safe(work), true);
};
