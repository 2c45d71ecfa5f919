// Two soft notes, made here: no file. A browser lets nothing sound before its user has done something.

let audio;
export let muted;

export function mute() {
  muted = !muted;
}

/** At a click or a key. */
export function tune() {
  audio ||= new AudioContext();
  audio.resume();
}

export function chime() {
  if (muted || !audio) return;
  for (const pitch of [660, 880]) {
    const from = audio.currentTime + pitch / 2e3;
    const note = audio.createOscillator();
    const loudness = audio.createGain();
    note.frequency.value = pitch;
    loudness.gain.setValueAtTime(0.06, from);
    loudness.gain.exponentialRampToValueAtTime(1e-4, from + 0.4);
    note.connect(loudness).connect(audio.destination);
    // Quoted, since the build shortens a name of ours that is the same.
    note["start"](from);
    note.stop(from + 0.4);
  }
}
