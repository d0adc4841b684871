"""From a picture and what is known of the patient to an answer."""
