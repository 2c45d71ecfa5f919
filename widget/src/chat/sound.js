// Two soft notes, made here: no file. A browser lets nothing sound before its user has done something.

let audio;
let muted;

export const isMuted = () => muted;

export function mute(silent) {
  muted = silent;
}

/** At a click or a key. */
export function allowSound() {
  audio ||= window.AudioContext && new AudioContext();
  audio?.resume();
}

export function chime() {
  if (muted || audio?.state != "running") return;
  [660, 880].forEach((pitch, i) => {
    const from = audio.currentTime + i * 0.12;
    const note = audio.createOscillator();
    const loudness = audio.createGain();
    note.frequency.value = pitch;
    loudness.gain.setValueAtTime(0.06, from);
    loudness.gain.exponentialRampToValueAtTime(0.0001, from + 0.35);
    note.connect(loudness).connect(audio.destination);
    note.start(from);
    note.stop(from + 0.4);
  });
}
