"""Deutsch: jedes Wort einer Antwort und der Seite.

Woher die medizinischen Wörter stammen: docs/words.md; ärztlich geprüft ist der Text nicht.
"""

LANGUAGE, LANGUAGE_NAME, LANGUAGE_CHOICE = "de", "Deutsch", "Sprache"

TITLE = "hfskin"
SUBTITLE = "Der zweite Blick einer Maschine auf eine Hautveränderung"
NOT_A_DEVICE = "Kein Medizinprodukt. Es macht Fehler und ersetzt keine Ärztin und keinen Arzt."
PRIVACY_LINE = "Ihr Bild bleibt höchstens {minutes} Minuten auf diesem Server und geht nirgendwo anders hin."
PRIVACY = (
    "Ihr Bild liegt in einer vorläufigen Datei, die gelöscht wird, wenn Sie die Seite schließen, spätestens nach "
    "{minutes} Minuten. Aufgezeichnet werden nur Anzahlen und Zeiten."
)
LIMITS = "{kinds}, bis {megabytes} MB je Datei."

TAB_LOOK, TAB_BATCH, TAB_COMPARE, TAB_ABOUT = "Ansehen", "Mehrere", "Modelle", "Über"
TAB_TIME = "Verlauf"

NEEDS = (
    "Eine Hautveränderung, durch ein Dermatoskop gesehen, scharf. Ein gewöhnliches Foto der Haut lässt sich hier nicht "
    "beurteilen, auch wenn die Seite das nicht immer merkt."
)
PICTURE = "Bild der Hautveränderung"
PICTURE_ALT = "Das Bild, das Sie gewählt haben"
PICTURE_HINT = "Bild hierher ziehen, einfügen, wählen oder aufnehmen"
AGE, AGE_HINT = "Alter", "Jahre; darf leer bleiben"
SEX, SITE, SITE_HINT = "Geschlecht", "Körperstelle", "Darf offen bleiben"
SEXES = {"female": "Weiblich", "male": "Männlich", "unknown": "Nicht bekannt"}
SITES = {
    "unknown": "Nicht bekannt",
    "scalp": "Kopfhaut",
    "face": "Gesicht",
    "ear": "Ohr",
    "neck": "Hals",
    "chest": "Brust",
    "abdomen": "Bauch",
    "back": "Rücken",
    "trunk": "Rumpf (Brust, Bauch oder Rücken)",
    "upper extremity": "Arm",
    "hand": "Hand",
    "lower extremity": "Bein",
    "foot": "Fuß",
    "acral": "Handfläche oder Fußsohle",
    "genital": "Genitalbereich",
}
CAMERA = "Foto aufnehmen"
AGE_WRONG = "{value}: kein Alter in Jahren (0 bis 120); ohne Alter beantwortet."
EXAMPLES = "Kein Bild zur Hand? Versuchen Sie eines von diesen"
EXAMPLES_NOTE = (
    "Je eine Hautveränderung jeder Klasse aus HAM10000 (CC BY-NC 4.0); mit keiner wurde das mitgelieferte Modell "
    "trainiert. Die wahre Diagnose steht nach der Antwort da."
)
EXAMPLE_BUTTON = "Beispiel {number}"
EMPTY = "Hier wird die Antwort stehen."
EMPTY_POINTS = (
    "Was zu tun ist, und ob die Hautveränderung für das Modell verdächtig aussieht",
    "Die wahrscheinlichen Diagnosen, jede mit ihrer Wahrscheinlichkeit",
    "Worauf das Modell im Bild geachtet hat",
)

ANSWER = "Antwort"
FAILED = "Zu diesem Bild gibt es keine Antwort"
NO_PICTURE = "Es gibt noch kein Bild. Wählen Sie eines oder nehmen Sie ein Beispiel."
FILE_GONE = "Die Datei wurde vom Server gelöscht, weil sie zu lange da war. Wählen Sie sie noch einmal."
CANNOT_ANSWER = "Diese Anfrage kann die Seite nicht beantworten."

SUSPICIOUS, CALM, UNSURE, NO_ANSWER, OPEN = "Verdächtig", "Kein Alarm", "Unsicher", "Keine Antwort", "Ohne Schwelle"
OF_100, OR = "von 100", "oder"
UNDER, OVER = "unter {number}", "über {number}"
RULES_OUT_NOT = "Nicht auszuschließen: {names}."
NUMBER = "Von 100 Hautveränderungen mit dieser Zahl in den Validierungsdaten waren {number} bösartig oder eine Vorstufe"
NUMBER_ONE = "Von 100 Hautveränderungen mit dieser Zahl in den Validierungsdaten war 1 bösartig oder eine Vorstufe"
ALARM_STARTS = "der Alarm beginnt bei {threshold}"
NO_ALL_CLEAR = "Das ist keine Entwarnung: Auch bösartige Hautveränderungen werden übersehen."
MISSED = "Dort lagen {share} von 100 bösartigen darunter."
MISSED_ELSEWHERE = "Auf Bildern anderer Kliniken lagen {missed} von {melanomas} Melanomen darunter."
BELOW_ALL_THE_SAME = (
    "Die Zahl liegt unter dem Alarm; aber die wahrscheinlichste Diagnose, {name}, duldet kein Abwarten."
)
NO_NUMBER = "Dieses Modell teilt seine Klassen nicht in bösartige und gutartige ein; darum nennt es keine Zahl."
WITHOUT_THRESHOLD = "dieses Modell hat keine Schwelle, mit der man sie vergleichen könnte"
UNUSUAL = (
    "Dieses Bild ist anders als die, an denen das Modell gelernt hat: Bei solchen irrt es öfter. Trauen Sie der "
    "Antwort weniger."
)
ALARM_MARK = "Alarm ab {threshold}"
NEXT = "Was zu tun ist"
NEXT_SUSPICIOUS = (
    "Lassen Sie bald eine Hautärztin oder einen Hautarzt auf diese Stelle schauen. Die Schätzung kann falsch sein, "
    "aber warten Sie nicht ab."
)
NEXT_OTHER = (
    "Wenn die Stelle neu ist, sich verändert, juckt, blutet oder Sie beunruhigt, zeigen Sie sie einer Ärztin oder "
    "einem Arzt, was auch immer diese Seite sagt."
)
NEXT_NEAR = (
    "Die Zahl liegt nicht weit unter dem Alarm: Zeigen Sie die Stelle bei Gelegenheit einer Ärztin oder einem Arzt, "
    "und bald, wenn sie neu ist, sich verändert, juckt oder blutet."
)
FOR_WHOM = "Beantwortet für: {patient}"
PATIENT, YEARS = "{field}: {value}", "{age} Jahre"
STALE = "Etwas wurde geändert; die neue Antwort ist unterwegs."
SHOW_ANSWER = "Zeigen"
THUMBNAIL_ALT = "Das Bild, zu dem diese Antwort gehört"

REFUSED_WHY = (
    "Das sieht nicht nach einem dermatoskopischen Bild einer Hautveränderung aus. Zu anderen Bildern würden die Zahlen "
    "des Modells nichts bedeuten, deshalb stehen hier keine."
)
REFUSED_NEXT = (
    "Nehmen Sie das Bild durch ein Dermatoskop auf, scharf, die Hautveränderung in der Mitte. Ein Foto ohne "
    "Dermatoskop lässt sich hier nicht beurteilen. Wenn eine Stelle Sie beunruhigt, zeigen Sie sie einer Ärztin oder "
    "einem Arzt."
)
UNCLEAR_WHY = "Das Bild ist zu undeutlich, um zu sagen, ob es eine Hautveränderung zeigt."
UNCLEAR_NEXT = (
    "Nehmen Sie es noch einmal auf: durch das Dermatoskop, scharf, nicht von einem Bildschirm oder Ausdruck. Wenn die "
    "Stelle Sie beunruhigt, zeigen Sie sie einer Ärztin oder einem Arzt."
)

DETAILS = "Einzelheiten"
LIKELY = "Wonach es für das Modell aussieht"
SET = "In Frage kommen: {names}."
SET_OF_ALL = "Keine der Klassen lässt sich ausschließen."
SET_COVERAGE = "Solchen Listen fehlt die wahre Diagnose bei etwa {share} der Validierungsbilder."
MALIGNANT = (
    "Die Zahl ist die geschätzte Wahrscheinlichkeit in Prozent, dass die Hautveränderung bösartig oder eine Vorstufe "
    "ist: {names}."
)
SENSITIVITY = (
    "Die Alarmschwelle von {threshold} wurde so gelegt, dass {share} der bösartigen Validierungsbilder sie erreichen."
)
NOT_HARMLESS = "Eine Zahl darunter beweist nicht, dass eine Hautveränderung harmlos ist."
DIAGNOSES = {
    "akiec": "aktinische Keratose / Morbus Bowen",
    "bcc": "Basalzellkarzinom",
    "bkl": "gutartige Keratose",
    "df": "Dermatofibrom",
    "mel": "Melanom",
    "nv": "Nävus (Muttermal)",
    "vasc": "Gefäßveränderung",
}
ABOUT_DIAGNOSES = {
    "akiec": "Von der Sonne geschädigte Haut, aus der Krebs werden kann; meist mit Creme oder Kälte behandelt.",
    "bcc": "Der häufigste Hautkrebs; er wächst langsam und streut fast nie; wird meist herausgeschnitten.",
    "bkl": "Eine harmlose Verdickung der Oberhaut, etwa eine Alterswarze; braucht meist keine Behandlung.",
    "df": "Ein harmloser fester Knoten in der Haut; braucht meist keine Behandlung.",
    "mel": "Schwarzer Hautkrebs, der streuen kann; wird bald herausgeschnitten und unter dem Mikroskop untersucht.",
    "nv": "Ein harmloses Muttermal; wird belassen und wieder untersucht, wenn es sich verändert.",
    "vasc": "Kleine Blutgefäße oder Blut in der Haut; meist harmlos, meist ohne Behandlung.",
}
FIELDS = {"age": "Alter", "sex": "Geschlecht", "localization": "Körperstelle"}
EFFECT = "{name} {points}"
EFFECTS = "Was bekannt ist, hat die Zahl so verschoben (Prozentpunkte): {moves}."
TRUTH = "Die wahre Diagnose dieses Beispiels: {name} ({how})."
TRUTH_HOW = {
    "histo": "unter dem Mikroskop bestätigt",
    "follow_up": "durch Verlaufskontrolle bestätigt",
    "consensus": "von Fachleuten übereinstimmend gestellt",
    "confocal": "durch konfokale Mikroskopie bestätigt",
}
POPULATION_NOTE = (
    "Die Schätzungen gelten für Menschen wie die auf den Trainingsbildern, die bei Fachleuten waren. Bei anderen sind "
    "bösartige Hautveränderungen seltener."
)
SKIN_NOTE = "Die Trainingsbilder zeigen fast nur helle Haut. Bei dunkler Haut trauen Sie dieser Antwort noch weniger."
ANSWERED_BY = "Beantwortet von: {checkpoint}, in {milliseconds} ms."

REPORT_TITLE = "hfskin: was ein Programm zu einer Hautveränderung sagt"
REPORT_FACTS = "Am {date} erstellt. Modell: {checkpoint}."
REPORT_SAVE, REPORT_PRINT = "Als Bericht speichern", "Drucken oder als PDF"
REPORT_PNG, REPORT_CLOSE = "Als Bild", "Schließen"
REPORT_NOTE = "Aus dem gemacht, was oben steht; nichts wird verschickt. Im Druckfenster „Als PDF speichern“ wählen."

# Over time: what a browser keeps of pictures, side by side
KEEP = "Zum Vergleichen aufheben"
TIME = {
    "intro": "Zwei Bilder derselben Stelle nebeneinander. Was Sie aufheben, liegt nur in diesem Browser: nicht auf "
    "dem Server und bei niemandem sonst. Wer diesen Browser benutzt, kann es sehen; hier lässt es sich entfernen.",
    "empty": "Noch ist nichts aufgehoben. Sehen Sie sich unter „Ansehen“ ein Bild an und drücken Sie unter der "
    "Antwort „Zum Vergleichen aufheben“.",
    "one": "Ein Bild ist aufgehoben. Sobald es ein zweites derselben Stelle gibt, stehen beide hier nebeneinander.",
    "kept": "In diesem Browser aufgehoben; zwei davon stehen unter „Verlauf“ nebeneinander.",
    "full": "In diesem Browser ist kein Platz dafür, oder er lässt Seiten nichts aufheben. Entfernen Sie ältere.",
    "date": "Aufgenommen am",
    "name": "Welche Stelle",
    "compare": "Vergleichen",
    "remove": "Entfernen",
    "remove_all": "Alle entfernen",
    "number": "{number} von 100: {word}",
    "choose": "Wählen Sie zwei Bilder zum Vergleichen.",
    "change": "Von {first} auf {second} von 100 in {days} Tagen: eine Änderung um {change}.",
    "change_on_a_day": "Von {first} auf {second} von 100 am selben Tag: eine Änderung um {change}.",
    "change_in_a_day": "Von {first} auf {second} von 100 in einem Tag: eine Änderung um {change}.",
    "same": "Die Zahl ist dieselbe.",
    "within": "Das sagt wenig: Zwischen zwei Bildern einer unveränderten Stelle unterscheidet sich die Zahl bei 9 von "
    "10 um bis zu {spread}.",
    "beyond": "Das ist mehr, als sich durch die Bilder allein erklärt: Zwischen zwei Bildern einer unveränderten "
    "Stelle unterscheidet sich die Zahl bei 9 von 10 um bis zu {spread}. Zeigen Sie beide in einer Hautarztpraxis.",
    "measured": "Gemessen an {pictures} Bildern von {lesions} Hautveränderungen aus HAM10000.",
    "unmeasured": "Für dieses Modell hat niemand gemessen, wie sehr sich die Zahl zwischen Bildern einer "
    "unveränderten Stelle unterscheidet.",
    "other_checkpoint": "Zwei verschiedene Modelle haben geantwortet: Ihre Zahlen lassen sich nicht vergleichen.",
    "other_patient": "Alter, Geschlecht oder Körperstelle sind bei beiden verschieden: Schon das ändert die Zahl.",
    "doctor": "Was immer die Zahlen sagen: Zeigen Sie eine Stelle, die Größe, Form oder Farbe ändert, einer Ärztin "
    "oder einem Arzt. Eine Zahl, die sinkt, ist keine Entwarnung.",
}

_UNKNOWN = "nicht bekannt: Die Antwort beruht mehr auf dem Bild allein"
PIPELINE = {
    "{first}, {second}, {third} unknown: the answer rests more on the picture alone": (
        "{first}, {second}, {third} " + _UNKNOWN
    ),
    "{first}, {second} unknown: the answer rests more on the picture alone": "{first}, {second} " + _UNKNOWN,
    "{first} unknown: the answer rests more on the picture alone": "{first} " + _UNKNOWN,
    "the picture is small ({size} pixels): details are missing": (
        "das Bild ist klein ({size} Bildpunkte): Einzelheiten fehlen"
    ),
    "the picture looks blurred: details are missing; take it again: hold still, clean the lens, and wait for the "
    "focus": (
        "das Bild wirkt unscharf: Einzelheiten fehlen; nehmen Sie es noch einmal auf: ruhig halten, die Linse putzen, "
        "auf die Schärfe warten"
    ),
    "below 45 years the answer without the age counts where it is more cautious, as here: with the age, too many "
    "malignant lesions of the young would be missed": (
        "unter 45 Jahren zählt die Antwort ohne das Alter, wo sie vorsichtiger ist, wie hier: Mit dem Alter würden zu "
        "viele bösartige Hautveränderungen der Jüngeren übersehen"
    ),
    "the picture seems to be taken from a screen or a print; take it again: of the skin itself, through the "
    "dermatoscope": (
        "das Bild scheint von einem Bildschirm oder Ausdruck aufgenommen zu sein; "
        "nehmen Sie es noch einmal auf: von der Haut selbst, durch das Dermatoskop"
    ),
    "hairs or a ruler seem to cross the picture: they may hide details": (
        "Haare oder ein Lineal scheinen durch das Bild zu gehen: Sie können Einzelheiten verdecken"
    ),
    "16-bit grey levels were reduced to 8 bits": "Graustufen von 16 Bit wurden auf 8 Bit verringert",
    "converted from CMYK; colours may differ from the original": (
        "aus CMYK umgewandelt; die Farben können vom Original abweichen"
    ),
    "transparent parts were filled with white": "durchsichtige Teile wurden weiß gefüllt",
    "the picture has no colour; the model was trained on colour": (
        "das Bild hat keine Farbe; das Modell hat an Farbbildern gelernt"
    ),
    "{field}: {value} is not known; use one of: {choices}; answered without it": (
        "{field}: {value} ist nicht bekannt; möglich sind: {choices}; ohne beantwortet"
    ),
    "{field}: {value} is outside 0 to 120 years; answered without it": (
        "{field}: {value} liegt nicht zwischen 0 und 120 Jahren; ohne beantwortet"
    ),
    "{field}: {value} is not a number; give years (0 to 120) or leave it empty; answered without it": (
        "{field}: {value} ist keine Zahl; Jahre (0 bis 120) angeben oder leer lassen; ohne beantwortet"
    ),
    "{file}: not a picture that can be read; use JPEG, PNG, TIFF, BMP or WebP": (
        "{file}: kein lesbares Bild; nehmen Sie JPEG, PNG, TIFF, BMP oder WebP"
    ),
    "{file}: damaged or cut off ({error}); save or copy it again": (
        "{file}: beschädigt oder abgeschnitten ({error}); noch einmal speichern oder kopieren"
    ),
    "{file}: the file is empty": "{file}: die Datei ist leer",
    "{file}: {size} pixels is too small; at least {least} on each side are needed": (
        "{file}: {size} Bildpunkte sind zu wenig; mindestens {least} auf jeder Seite sind nötig"
    ),
    "{file}: {size} is more than {most} megapixels; make it smaller": (
        "{file}: {size} ist mehr als {most} Megapixel; verkleinern Sie es"
    ),
    "{file}: has several frames or pages; save the one to look at as a JPEG or PNG": (
        "{file}: hat mehrere Bilder oder Seiten; speichern Sie das gewünschte als JPEG oder PNG"
    ),
    "{file}: refused: {error}; save it again as a plain JPEG or PNG": (
        "{file}: abgelehnt: {error}; speichern Sie es als einfaches JPEG oder PNG"
    ),
}

VIEW = "Worauf das Modell geachtet hat"
VIEW_ATTENTION, VIEW_GRAD_CAM = "Aufmerksamkeit", "Grad-CAM"
FIGURE_ALT = "Das beurteilte Bild"
ATTENTION_CAPTION = (
    "Gelb: wo Soft-Attention das meiste Gewicht hingelegt hat; das kann neben der Hautveränderung sein. Es zeigt "
    "nicht, wo eine Krankheit ist, und erklärt allein die Antwort nicht."
)
GRAD_CAM_CAPTION = (
    "Gelb: was am meisten für „{name}“ sprach, nach Grad-CAM, einem groben Verfahren. Es zeigt nicht, wo eine "
    "Krankheit ist."
)
CROP_CAPTION = "Der Rahmen zeigt den Teil, den das Modell gesehen hat."
HEAT_STRENGTH = "Stärke der Farben"

BATCH_INTRO = (
    "Wählen Sie Bilder oder Zip-Dateien mit Bildern und, wenn vorhanden, eine CSV-Datei mit den Spalten `image_id`, "
    "`age`, `sex` und `localization` (wie in HAM10000). Höchstens {pictures} Bilder auf einmal."
)
BATCH_FILES, BATCH_METADATA = "Bilder oder Zip-Dateien", "CSV mit Angaben (darf fehlen)"
BATCH_RUN = "Alle ansehen"
BATCH_PROGRESS = "{done} von {total} Bildern"
BATCH_NONE = "Es gibt noch keine Dateien. Wählen Sie zuerst Bilder oder eine Zip-Datei."
BATCH_BY = "Beantwortet von: {checkpoint}."
BATCH_DOWNLOAD = "Tabelle herunterladen (CSV)"
BATCH_TABLE = "Ergebnisse, eine Zeile je Bild, die dringenden zuerst"
BATCH_SHOW, BATCH_ALL = "Zeigen", "Alle"
BATCH_KINDS = {
    "suspicious": "Verdächtig",
    "unsure": "Unsicher",
    "open": "Ohne Schwelle",
    "calm": "Kein Alarm",
    "refused": "Keine Antwort",
    "failed": "Nicht gelesen",
}
BATCH_SORT = "Nach {name} ordnen"
BATCH_COLUMNS = ("Bild", "Urteil", "Von 100 bösartig", "Wonach es aussieht", "Anmerkungen")
BATCH_FAILED = "Nicht gelesen"

COMPARE_INTRO = (
    "Für die Forschung: das Bild von „Ansehen“, von zwei Modellen beantwortet. Das zweite darf ein Ordner sein oder "
    "ein Repository des Hub als `user/name` oder `user/name@revision`; es wird jedes Mal neu gesucht. Während Ihres "
    "Besuchs antwortet es dann auch auf „Ansehen“ und „Mehrere“."
)
COMPARE_INTRO_LISTED = (
    "Für die Forschung: das Bild von „Ansehen“, von zwei Modellen beantwortet. Während Ihres Besuchs antwortet das "
    "zweite dann auch auf „Ansehen“ und „Mehrere“."
)
CHECKPOINT_START = "Das, mit dem diese Seite begann"
CHECKPOINT_CHOICE = "Ein anderes Modell"
CHECKPOINT_USE = "Verwenden"
CHECKPOINT_FAILED = "Dieses Modell lässt sich nicht verwenden"
COMPARE_NOTHING = "Wählen Sie ein anderes Modell, um beide Antworten nebeneinander zu sehen."
COMPARE_NO_PICTURE = "Wählen Sie zuerst auf „Ansehen“ ein Bild; dann stehen hier beide Antworten nebeneinander."
COMPARE_TABLE = "Die Antworten beider Modelle zu einem Bild"
COMPARE_ROWS = ("Urteil", "Von 100 bösartig oder Vorstufe", "Alarm ab", "Am wahrscheinlichsten", "In Frage kommen")
NONE = "–"

ABOUT = (
    "hfskin ist ein Programm, das sich das Bild einer Hautveränderung ansieht, aufgenommen durch ein Dermatoskop. Es "
    "sagt, wie oft Hautveränderungen mit derselben Zahl bösartig waren, wonach es aussieht und was zu tun ist. Gelernt "
    "hat es an Bildern des Datensatzes HAM10000, fast alle von heller Haut, aus zwei Kliniken. Es übersieht manchen "
    "Krebs und schlägt oft falschen Alarm. Es ist kein Medizinprodukt und kein Ersatz für ärztlichen Rat."
)
CHECKPOINT = "Welches Modell antwortet"
CHECKPOINT_LINE = (
    "Die Antworten kommen von: {name}, Revision {revision}: {backbone}, Eingabe {width}x{height} Bildpunkte, "
    "{parameters} Millionen Parameter."
)
PLOTS = {
    "plots/confusion_matrix.png": "Konfusionsmatrix auf dem Testteil: wahre Klassen gegen vorhergesagte",
    "plots/roc.png": "ROC-Kurven auf dem Testteil, eine je Klasse",
    "plots/reliability.png": "Zuverlässigkeit auf dem Testteil: genannte Wahrscheinlichkeit gegen Trefferanteil",
}
CARD = "Die ganze Modellkarte mit ihren Abbildungen (englisch)"
NO_CARD = "Dieses Modell bringt keine Modellkarte mit."
API_TITLE = "API"
