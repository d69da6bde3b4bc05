export const consultation = {
  patientTitle: "Your consultations",
};
