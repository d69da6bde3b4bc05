/** Lobby, call and captions. */
export const call = {
  lobbyTitle: "Check your camera and microphone",
  callTitle: "Consultation",
};
