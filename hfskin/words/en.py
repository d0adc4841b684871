"""English: every word of an answer and of the page.

The model card comes from the checkpoint, the words of gradio's own buttons from gradio.
"""

LANGUAGE, LANGUAGE_NAME, LANGUAGE_CHOICE = "en", "English", "Language"

TITLE = "hfskin"
SUBTITLE = "A machine's second look at a skin lesion"
NOT_A_DEVICE = "Not a medical device. It makes mistakes; it cannot replace a doctor."
PRIVACY_LINE = "Your picture stays on this server for at most {minutes} minutes, and goes nowhere else."
PRIVACY = (
    "Your picture is kept in one temporary file, which is deleted when you close the page, at the latest after "
    "{minutes} minutes. Only counts and times are logged."
)
LIMITS = "{kinds}, up to {megabytes} MB a file."

TAB_LOOK, TAB_BATCH, TAB_COMPARE, TAB_ABOUT = "Look", "Batch", "Checkpoints", "About"
TAB_TIME = "Over time"

# Look: the question
NEEDS = (
    "One lesion, seen through a dermatoscope, in focus. An ordinary photograph of the skin cannot be judged here, "
    "though the page does not always notice that it is one."
)
PICTURE = "Picture of the lesion"
PICTURE_ALT = "The picture that you chose"
PICTURE_HINT = "Drop, paste or choose a picture, or use the camera"
AGE, AGE_HINT = "Age", "Years; may stay empty"
SEX, SITE, SITE_HINT = "Sex", "Site on the body", "May stay unknown"
SEXES = {"female": "Female", "male": "Male", "unknown": "Not known"}
SITES = {
    "unknown": "Not known",
    "scalp": "Scalp",
    "face": "Face",
    "ear": "Ear",
    "neck": "Neck",
    "chest": "Chest",
    "abdomen": "Belly (abdomen)",
    "back": "Back",
    "trunk": "Trunk (chest, belly or back)",
    "upper extremity": "Arm (upper extremity)",
    "hand": "Hand",
    "lower extremity": "Leg (lower extremity)",
    "foot": "Foot",
    "acral": "Palm or sole (acral)",
    "genital": "Genital area",
}
CAMERA = "Take a photo"
AGE_WRONG = "{value}: not an age in years (0 to 120); answered without it."
EXAMPLES = "No picture at hand? Try one of these"
EXAMPLES_NOTE = (
    "One lesion of each class from HAM10000 (CC BY-NC 4.0), none of which the embedded checkpoint was trained on. "
    "The true diagnosis is shown after the answer."
)
EXAMPLE_BUTTON = "Example {number}"
EMPTY = "The answer will appear here."
EMPTY_POINTS = (
    "What to do next, and whether the lesion looks suspicious to the model",
    "The likely diagnoses, each with its probability",
    "Where on the picture the model looked",
)

# Look: the answer
ANSWER = "Answer"
FAILED = "There is no answer to this picture"
NO_PICTURE = "There is no picture yet. Drop, paste or choose one, or take one of the examples."
FILE_GONE = "The file was deleted from the server because it had been there for too long. Choose it again."
NOT_TAKEN = (
    "This page takes short plain values, and files that were uploaded to it: no other path, and nothing from another "
    "address. Upload the file itself; from Python, by gradio_client.handle_file(path), and many as a list."
)
CANNOT_ANSWER = "This page cannot answer that request."

# What a request is told that does not come from the page itself
NOT_OFFERED = "This page does not offer that."
FOREIGN = "Another site's page may not ask this one."
TOO_MUCH = "This request is too large. Send fewer or smaller files."
TOO_SLOW = "This request came too slowly. Send it again."
NOT_A_FILE = "An upload holds files and nothing else, each under the name files."
NO_ROOM = "There is no room for this upload at the moment. Try again later, or send fewer files."

# The answer: one word, one number, one plain line, what to do
SUSPICIOUS, CALM, UNSURE, NO_ANSWER, OPEN = "Suspicious", "No alarm", "Unsure", "No answer", "No alarm is set"
OF_100, OR = "of 100", "or"
UNDER, OVER = "under {number}", "over {number}"
RULES_OUT_NOT = "This cannot rule out {names}."
NUMBER = "Of 100 lesions with this number in the validation data, {number} were malignant or a precursor"
NUMBER_ONE = "Of 100 lesions with this number in the validation data, 1 was malignant or a precursor"
ALARM_STARTS = "the alarm starts at {threshold}"
NO_ALL_CLEAR = "This is no all-clear: malignant lesions are missed."
MISSED = "{share} of 100 malignant ones stayed below it there."
MISSED_ELSEWHERE = "On pictures from other clinics, {missed} of {melanomas} melanomas stayed below it."
BELOW_ALL_THE_SAME = "The number is below the alarm; but the likeliest diagnosis, {name}, is not one to wait on."
NO_NUMBER = "This checkpoint does not sort its classes into malignant and benign ones, so it gives no number."
WITHOUT_THRESHOLD = "this checkpoint has no threshold to compare it with"
UNUSUAL = (
    "This picture is unlike those that the model learnt from, and on such pictures it is wrong more often. Trust the "
    "answer less."
)
ALARM_MARK = "alarm from {threshold}"
NEXT = "What to do"
NEXT_SUSPICIOUS = (
    "Have a dermatologist look at this lesion soon. The estimate can be wrong, but it is not one to wait on."
)
NEXT_OTHER = (
    "If the lesion is new, changes, itches, bleeds or worries you, show it to a doctor, whatever this page says."
)
NEXT_NEAR = (
    "The number is not far below the alarm: show the lesion to a doctor when you can, and soon if it is new, changes, "
    "itches or bleeds."
)
FOR_WHOM = "Answered for: {patient}"
PATIENT, YEARS = "{field}: {value}", "{age} years"
STALE = "Something was changed; the new answer is on its way."
SHOW_ANSWER = "Show"
THUMBNAIL_ALT = "The picture that this answer is about"

REFUSED_WHY = (
    "This does not look like a dermatoscopic picture of a skin lesion. For any other picture the model's numbers "
    "would mean nothing, so none are shown."
)
REFUSED_NEXT = (
    "Take the picture through a dermatoscope, in focus, with the lesion in the middle. A photograph without one cannot "
    "be judged here. If a spot worries you, show it to a doctor."
)
UNCLEAR_WHY = "The picture is too unclear to tell whether it shows a lesion."
UNCLEAR_NEXT = (
    "Take it again: through the dermatoscope, in focus, not from a screen or a print. If the spot worries you, show it "
    "to a doctor."
)

# The answer's details
DETAILS = "Details"
LIKELY = "What it looks like to the model"
SET = "Candidates: {names}."
SET_OF_ALL = "None of the classes can be ruled out."
SET_COVERAGE = "Such lists miss the true diagnosis in about {share} of the validation pictures."
MALIGNANT = (
    "The number is the estimated probability, in per cent, that the lesion is malignant or a precursor: {names}."
)
SENSITIVITY = (
    "The alarm threshold of {threshold} was set so that {share} of the malignant pictures in the validation data "
    "reach it."
)
NOT_HARMLESS = "A number below it does not prove that a lesion is harmless."
DIAGNOSES = {
    "akiec": "actinic keratosis / Bowen's disease",
    "bcc": "basal cell carcinoma",
    "bkl": "benign keratosis-like lesion",
    "df": "dermatofibroma",
    "mel": "melanoma",
    "nv": "melanocytic nevus (common mole)",
    "vasc": "vascular lesion",
}
ABOUT_DIAGNOSES = {
    "akiec": "Skin damaged by the sun that can turn into cancer; usually treated, often with a cream or by freezing.",
    "bcc": "The most common skin cancer; it grows slowly and hardly ever spreads; usually cut out.",
    "bkl": "A harmless growth of the outer skin, such as an age wart; usually left alone.",
    "df": "A harmless firm knot in the skin; usually left alone.",
    "mel": "A cancer of the pigment cells that can spread; cut out soon and examined under the microscope.",
    "nv": "A harmless mole; left alone, and looked at again if it changes.",
    "vasc": "Small blood vessels or blood in the skin; usually harmless and left alone.",
}
FIELDS = {"age": "age", "sex": "sex", "localization": "site"}
EFFECT = "{name} {points}"
EFFECTS = "What is known of the patient moved the number by (percentage points): {moves}."
TRUTH = "This example's true diagnosis: {name} ({how})."
TRUTH_HOW = {
    "histo": "confirmed under the microscope",
    "follow_up": "confirmed by follow-up",
    "consensus": "agreed by experts",
    "confocal": "confirmed by confocal microscopy",
}
POPULATION_NOTE = (
    "The estimates hold for patients like those of the training pictures, who were seen by specialists. Among other "
    "people malignant lesions are rarer."
)
SKIN_NOTE = "The training pictures show almost only light skin. On dark skin, trust this answer even less."
ANSWERED_BY = "Answered by {checkpoint} in {milliseconds} ms."

# The page to print
REPORT_TITLE = "hfskin: what a program says about a skin lesion"
REPORT_FACTS = "Made on {date}. Checkpoint: {checkpoint}."
REPORT_SAVE, REPORT_PRINT = "Save as a report", "Print, or save as PDF"
REPORT_PNG, REPORT_CLOSE = "As a picture", "Close"
REPORT_NOTE = (
    "Made from what is shown above; nothing is sent anywhere. In the browser's print window choose “Save as PDF”."
)

# Over time: what a browser keeps of pictures, side by side
KEEP = "Keep it to compare later"
TIME = {
    "intro": "Two pictures of one lesion, side by side. What you keep lies in this browser alone: not on the server, "
    "and not with anybody else. Whoever uses this browser can see it; remove it here.",
    "empty": "Nothing is kept yet. Look at a picture on the tab “Look”, and press “Keep it to compare later” below "
    "the answer.",
    "one": "One picture is kept. When there is a second one of the same lesion, both appear here side by side.",
    "kept": "Kept in this browser; two of them appear side by side on the tab “Over time”.",
    "full": "This browser has no room for it, or does not allow pages to keep anything. Remove older pictures.",
    "date": "Taken on",
    "name": "Which lesion",
    "compare": "Compare",
    "remove": "Remove",
    "remove_all": "Remove all of them",
    "number": "{number} of 100: {word}",
    "choose": "Choose two pictures to compare.",
    "change": "From {first} to {second} of 100 in {days} days: a change of {change}.",
    "change_on_a_day": "From {first} to {second} of 100 on the same day: a change of {change}.",
    "change_in_a_day": "From {first} to {second} of 100 in one day: a change of {change}.",
    "same": "The number is the same.",
    "within": "That says little: between two pictures of one lesion that did not change, the number differs by up to "
    "{spread} in 9 of 10 lesions.",
    "beyond": "That is more than pictures alone explain: between two pictures of one lesion that did not change, the "
    "number differs by up to {spread} in 9 of 10 lesions. Show both to a dermatologist.",
    "measured": "Measured on {pictures} pictures of {lesions} lesions of HAM10000.",
    "unmeasured": "For this checkpoint nobody has measured how much the number differs between pictures of one lesion "
    "that did not change.",
    "other_checkpoint": "Two different checkpoints answered: their numbers cannot be compared.",
    "other_patient": "Age, sex or site differ between the two: that alone changes the number.",
    "doctor": "Whatever the numbers say: show a lesion that changes in size, shape or colour to a doctor. A number "
    "that falls is no all-clear.",
}

# What the pipeline says in English, by the template that it follows. Here the words of the page's own fields.
PIPELINE = {
    sentence: sentence
    for sentence in (
        "{first}, {second}, {third} unknown: the answer rests more on the picture alone",
        "{first}, {second} unknown: the answer rests more on the picture alone",
        "{first} unknown: the answer rests more on the picture alone",
        "the picture is small ({size} pixels): details are missing",
        "the picture looks blurred: details are missing; take it again: hold still, clean the lens, and wait for the "
        "focus",
        "below 45 years the answer without the age counts where it is more cautious, as here: with the age, too many "
        "malignant lesions of the young would be missed",
        "the picture seems to be taken from a screen or a print; take it again: of the skin itself, through the "
        "dermatoscope",
        "hairs or a ruler seem to cross the picture: they may hide details",
        "16-bit grey levels were reduced to 8 bits",
        "converted from CMYK; colours may differ from the original",
        "transparent parts were filled with white",
        "the picture has no colour; the model was trained on colour",
        "{field}: {value} is not known; use one of: {choices}; answered without it",
        "{field}: {value} is outside 0 to 120 years; answered without it",
        "{field}: {value} is not a number; give years (0 to 120) or leave it empty; answered without it",
        "{file}: not a picture that can be read; use JPEG, PNG, TIFF, BMP or WebP",
        "{file}: damaged or cut off ({error}); save or copy it again",
        "{file}: the file is empty",
        "{file}: {size} pixels is too small; at least {least} on each side are needed",
        "{file}: {size} is more than {most} megapixels; make it smaller",
        "{file}: has several frames or pages; save the one to look at as a JPEG or PNG",
        "{file}: refused: {error}; save it again as a plain JPEG or PNG",
    )
}

# Look: where the model looked
VIEW = "Where the model looked"
VIEW_ATTENTION, VIEW_GRAD_CAM = "Attention", "Grad-CAM"
FIGURE_ALT = "The picture that was judged"
ATTENTION_CAPTION = (
    "Yellow: where Soft-Attention put most weight, which may be beside the lesion. It does not show where a disease "
    "is, and it does not by itself explain the answer."
)
GRAD_CAM_CAPTION = (
    "Yellow: what spoke most for “{name}”, by Grad-CAM, a rough method. It does not show where a disease is."
)
CROP_CAPTION = "The frame marks the part that the model saw."
HEAT_STRENGTH = "Strength of the colours"

# Batch
BATCH_INTRO = (
    "Choose pictures, or one or more zip files of pictures, and, if you have one, a metadata CSV with the columns "
    "`image_id`, `age`, `sex` and `localization` (as in HAM10000). At most {pictures} pictures at a time."
)
BATCH_FILES, BATCH_METADATA = "Pictures or zip files", "Metadata CSV (may be left out)"
BATCH_RUN = "Look at all of them"
BATCH_PROGRESS = "{done} of {total} pictures"
BATCH_NONE = "There are no files yet. Choose pictures or a zip file first."
BATCH_BY = "Answered by {checkpoint}."
BATCH_DOWNLOAD = "Download the table (CSV)"
BATCH_TABLE = "Results, one row a picture, the urgent ones first"
BATCH_SHOW, BATCH_ALL = "Show", "All"
BATCH_KINDS = {
    "suspicious": "Suspicious",
    "unsure": "Unsure",
    "open": "No alarm is set",
    "calm": "No alarm",
    "refused": "No answer",
    "failed": "Not read",
}
BATCH_SORT = "Sort by {name}"
BATCH_COLUMNS = ("Picture", "Verdict", "Of 100 malignant", "What it looks like", "Notes")
BATCH_FAILED = "Not read"

# Batch: why a file of an upload was not looked at; each is preceded by the file's name
NOT_A_PICTURE = "not a picture; use JPEG, PNG, TIFF, BMP or WebP"
ZIP_BROKEN = "not a zip file that can be read; pack it again"
ZIP_TOO_MANY = "too many files in the zip files; send at most {pictures} pictures at a time"
ZIP_OVERLAPS = "a zip file whose files overlap; pack it again"
ZIP_LINK = "a link; pack the file that it stands for"
ZIP_SUM = "not looked at: the zip files unpack to over {megabytes} MB more than twice their size; send fewer at a time"
ZIP_ENCRYPTED = "encrypted; pack it without a password"
ZIP_METHOD = "packed by an unusual method; pack it as a plain zip file"
ZIP_TWICE = "a second file of the same name in the zip file; refused"
ZIP_CLIMBS = "its path leads out of the zip file; refused"
ZIP_TOO_LARGE = "larger than {megabytes} MB when unpacked; refused"
TABLE_TOO_LARGE = "a table of more than {megabytes} MB; keep only the rows of these pictures"
TABLE_TOO_LONG = "more than {rows} rows, or one of more than {bytes} characters; keep only the rows of these pictures"
TOO_MANY_FILES = "files from here on that are not looked at: {files}; send at most {most} at a time"
TOO_MANY = "not looked at: more than {pictures} pictures at a time"

# Compare: another checkpoint
COMPARE_INTRO = (
    "For researchers: the picture of the tab “Look”, answered by two checkpoints. The second one may be a folder, or a "
    "repository of the Hub as `user/name` or `user/name@revision`; it is looked for anew each time, so a fresh push is "
    "seen. For your visit it then answers on “Look” and “Batch” too."
)
COMPARE_INTRO_LISTED = (
    "For researchers: the picture of the tab “Look”, answered by two checkpoints. For your visit the second one then "
    "answers on “Look” and “Batch” too."
)
CHECKPOINT_START = "The one that this page started with"
CHECKPOINT_CHOICE = "Another checkpoint"
CHECKPOINT_USE = "Use it"
CHECKPOINT_FAILED = "This checkpoint cannot be used"
CHECKPOINT_NOT_LISTED = "{source}: this page offers only the checkpoints of its list"
CHECKPOINT_IS_ONNX = (
    "{source}: an ONNX file; the page needs the whole checkpoint, so give the folder that it was exported from"
)
COMPARE_NOTHING = "Choose another checkpoint to see both answers side by side."
COMPARE_NO_PICTURE = "Choose a picture on the tab “Look” first; then both answers appear here side by side."
COMPARE_TABLE = "Both checkpoints' answers to one picture"
COMPARE_ROWS = ("Verdict", "Of 100 malignant or a precursor", "Alarm from", "Most likely", "Candidates")
NONE = "–"

# About
ABOUT = (
    "hfskin is a program that looks at a picture of a skin lesion, taken through a dermatoscope. It says how often "
    "lesions with the same number were malignant, what the lesion looks like to it, and what to do next. It learnt "
    "from pictures of the data set HAM10000, nearly all of light skin, from two clinics. It misses some cancers, and "
    "raises many false alarms. It is not a medical device, and no substitute for a doctor."
)
CHECKPOINT = "Which checkpoint answers"
CHECKPOINT_EMBEDDED = "the embedded checkpoint"
CHECKPOINT_LINE = (
    "Answers come from {name}, revision {revision}: {backbone}, input {width}x{height} pixels, "
    "{parameters} million parameters."
)
PLOTS = {
    "plots/confusion_matrix.png": "Confusion matrix on the test part: true classes against predicted ones",
    "plots/roc.png": "ROC curves on the test part, one a class",
    "plots/reliability.png": "Reliability on the test part: stated probability against how often it was right",
}
CARD = "The whole model card, with its plots"
NO_CARD = "This checkpoint has no model card."
API_TITLE = "API"
API = """The same numbers for programs, by `gradio_client`; `/gradio_api/info` describes both endpoints.

```python
from gradio_client import Client, handle_file

client = Client("{address}")
answer = client.predict(handle_file("lesion.jpg"), 55, "male", "back", api_name="/predict")
answers = client.predict([handle_file("lesions.zip")], handle_file("patients.csv"), api_name="/predict_batch")
```

An answer holds `status`, `label`, `probabilities` by class, `prediction_set`, `malignant_probability`, `suspicious`,
`in_distribution`, `in_distribution_score`, `crop`, `warnings` and `names`, the plain names of the classes. `status` is
"answered", "unusual" (unlike the training pictures: trust it less) or "refused": the picture does not look like a
lesion, there is no answer, and what the network said all the same stands under `raw`. A batch is a list of answers,
each with `image`, its file's name; a file that cannot be read has `error` instead.

`None` stands for an unknown age and for no CSV, `"unknown"` for an unknown sex or site. An installation with
`pip install "hfskin[mcp]"`, started with `GRADIO_MCP_SERVER=true`, is an MCP server too."""
