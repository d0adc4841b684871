"""Español: cada palabra de una respuesta y de la página.

De dónde vienen las palabras médicas: docs/words.md; ningún médico ha revisado el texto.
"""

LANGUAGE, LANGUAGE_NAME, LANGUAGE_CHOICE = "es", "Español", "Idioma"

TITLE = "hfskin"
SUBTITLE = "La segunda mirada de una máquina a una lesión de la piel"
NOT_A_DEVICE = "No es un producto sanitario. Puede equivocarse y no sustituye a un médico."
PRIVACY_LINE = "Su imagen queda en este servidor {minutes} minutos como máximo y no va a ningún otro sitio."
PRIVACY = (
    "Su imagen se guarda en un archivo temporal que se borra al cerrar la página, a más tardar a los {minutes} "
    "minutos. Solo se registran cantidades y tiempos."
)
LIMITS = "{kinds}, hasta {megabytes} MB por archivo."

TAB_LOOK, TAB_BATCH, TAB_COMPARE, TAB_ABOUT = "Mirar", "Varias", "Modelos", "Acerca de"
TAB_TIME = "Evolución"

NEEDS = (
    "Una lesión, vista con un dermatoscopio y enfocada. Una fotografía corriente de la piel no se puede juzgar aquí, "
    "aunque la página no siempre lo nota."
)
PICTURE = "Imagen de la lesión"
PICTURE_ALT = "La imagen que eligió"
PICTURE_HINT = "Suelte, pegue o elija una imagen, o use la cámara"
AGE, AGE_HINT = "Edad", "Años; puede quedar vacía"
SEX, SITE, SITE_HINT = "Sexo", "Zona del cuerpo", "Puede quedar sin indicar"
SEXES = {"female": "Mujer", "male": "Hombre", "unknown": "No se sabe"}
SITES = {
    "unknown": "No se sabe",
    "scalp": "Cuero cabelludo",
    "face": "Cara",
    "ear": "Oreja",
    "neck": "Cuello",
    "chest": "Pecho",
    "abdomen": "Abdomen",
    "back": "Espalda",
    "trunk": "Tronco (pecho, abdomen o espalda)",
    "upper extremity": "Brazo",
    "hand": "Mano",
    "lower extremity": "Pierna",
    "foot": "Pie",
    "acral": "Palma o planta",
    "genital": "Zona genital",
}
CAMERA = "Hacer una foto"
AGE_WRONG = "{value}: no es una edad en años (0 a 120); se ha respondido sin ella."
EXAMPLES = "¿No tiene una imagen? Pruebe una de estas"
EXAMPLES_NOTE = (
    "Una lesión de cada clase de HAM10000 (CC BY-NC 4.0); el modelo incluido no se entrenó con ninguna. El diagnóstico "
    "verdadero aparece tras la respuesta."
)
EXAMPLE_BUTTON = "Ejemplo {number}"
EMPTY = "Aquí estará la respuesta."
EMPTY_POINTS = (
    "Qué hacer, y si la lesión le parece sospechosa al modelo",
    "Los diagnósticos probables, cada uno con su probabilidad",
    "Adónde miró el modelo en la imagen",
)

ANSWER = "Respuesta"
FAILED = "No hay respuesta para esta imagen"
NO_PICTURE = "Todavía no hay imagen. Elija una o tome un ejemplo."
FILE_GONE = "El archivo se borró del servidor porque llevaba demasiado tiempo. Elíjalo otra vez."
CANNOT_ANSWER = "Esta página no puede responder a esa petición."

SUSPICIOUS, CALM, UNSURE, NO_ANSWER, OPEN = "Sospechosa", "Sin alarma", "Dudosa", "Sin respuesta", "Sin umbral"
OF_100, OR = "de 100", "o"
UNDER, OVER = "menos de {number}", "más de {number}"
RULES_OUT_NOT = "No se puede descartar: {names}."
NUMBER = "De 100 lesiones con este número en los datos de validación, {number} eran malignas o precursoras de un cáncer"
NUMBER_ONE = "De 100 lesiones con este número en los datos de validación, 1 era maligna o precursora de un cáncer"
ALARM_STARTS = "la alarma empieza en {threshold}"
NO_ALL_CLEAR = "Esto no descarta nada: también se escapan lesiones malignas."
MISSED = "Allí, {share} de 100 malignas quedaron por debajo."
MISSED_ELSEWHERE = "En imágenes de otras clínicas quedaron por debajo {missed} de {melanomas} melanomas."
BELOW_ALL_THE_SAME = (
    "El número está por debajo de la alarma, pero el diagnóstico más probable, {name}, no admite espera."
)
NO_NUMBER = "Este modelo no separa sus clases en malignas y benignas; por eso no da ningún número."
WITHOUT_THRESHOLD = "este modelo no tiene umbral con el que compararlo"
UNUSUAL = (
    "Esta imagen no se parece a las que enseñaron al modelo: con imágenes así se equivoca más. Confíe menos en la "
    "respuesta."
)
ALARM_MARK = "alarma desde {threshold}"
NEXT = "Qué hacer"
NEXT_SUSPICIOUS = (
    "Pida pronto que un dermatólogo mire esta lesión. La estimación puede estar equivocada, pero no admite espera."
)
NEXT_OTHER = (
    "Si la lesión es nueva, cambia, pica, sangra o le preocupa, enséñela a un médico, diga lo que diga esta página."
)
NEXT_NEAR = (
    "El número no está muy por debajo de la alarma: enseñe la lesión a un médico cuando pueda, y pronto si es nueva, "
    "cambia, pica o sangra."
)
FOR_WHOM = "Respondido para: {patient}"
PATIENT, YEARS = "{field}: {value}", "{age} años"
STALE = "Algo ha cambiado; la nueva respuesta está en camino."
SHOW_ANSWER = "Ver"
THUMBNAIL_ALT = "La imagen de esta respuesta"

REFUSED_WHY = (
    "Esto no parece una imagen dermatoscópica de una lesión de la piel. Para otra imagen los números del modelo no "
    "significarían nada, así que no se muestran."
)
REFUSED_NEXT = (
    "Tome la imagen con un dermatoscopio, enfocada y con la lesión en el centro. Una fotografía sin él no se puede "
    "juzgar aquí. Si una mancha le preocupa, enséñela a un médico."
)
UNCLEAR_WHY = "La imagen no es lo bastante clara para decir si muestra una lesión."
UNCLEAR_NEXT = (
    "Tómela otra vez: con el dermatoscopio, enfocada, no de una pantalla ni de un papel. Si la mancha le preocupa, "
    "enséñela a un médico."
)

DETAILS = "Detalles"
LIKELY = "Lo que le parece al modelo"
SET = "Candidatos: {names}."
SET_OF_ALL = "No se puede descartar ninguna de las clases."
SET_COVERAGE = "A estas listas les falta el diagnóstico verdadero en cerca del {share} de las imágenes de validación."
MALIGNANT = (
    "El número es la probabilidad estimada, en tanto por ciento, de que la lesión sea maligna o precursora: {names}."
)
SENSITIVITY = (
    "El umbral de alarma de {threshold} se fijó para que lo alcance el {share} de las imágenes malignas de validación."
)
NOT_HARMLESS = "Un número por debajo no demuestra que una lesión sea inofensiva."
DIAGNOSES = {
    "akiec": "queratosis actínica / enfermedad de Bowen",
    "bcc": "carcinoma basocelular",
    "bkl": "queratosis benigna",
    "df": "dermatofibroma",
    "mel": "melanoma",
    "nv": "nevo melanocítico (lunar)",
    "vasc": "lesión vascular",
}
ABOUT_DIAGNOSES = {
    "akiec": "Piel dañada por el sol que puede volverse cáncer; suele tratarse, a menudo con crema o con frío.",
    "bcc": "El cáncer de piel más común; crece despacio y casi nunca se extiende; suele extirparse.",
    "bkl": "Un engrosamiento inofensivo de la piel, como las «verrugas» de la edad; no suele necesitar tratamiento.",
    "df": "Un nódulo firme e inofensivo de la piel; no suele necesitar tratamiento.",
    "mel": "Un cáncer de las células del pigmento que puede extenderse; se extirpa pronto y se mira al microscopio.",
    "nv": "Un lunar inofensivo; no se trata, pero debe verse de nuevo si cambia.",
    "vasc": "Pequeños vasos o sangre en la piel; suele ser inofensiva y no necesitar tratamiento.",
}
FIELDS = {"age": "edad", "sex": "sexo", "localization": "zona"}
EFFECT = "{name} {points}"
EFFECTS = "Lo que se sabe del paciente movió el número así (puntos porcentuales): {moves}."
TRUTH = "El diagnóstico verdadero de este ejemplo: {name} ({how})."
TRUTH_HOW = {
    "histo": "confirmado al microscopio",
    "follow_up": "confirmado por seguimiento",
    "consensus": "acordado por expertos",
    "confocal": "confirmado por microscopía confocal",
}
POPULATION_NOTE = (
    "Las estimaciones valen para pacientes como los de las imágenes de entrenamiento, vistos por especialistas. Entre "
    "otras personas las lesiones malignas son más raras."
)
SKIN_NOTE = (
    "Las imágenes de entrenamiento muestran casi solo piel clara. En piel oscura, confíe aún menos en esta respuesta."
)
ANSWERED_BY = "Respondido por {checkpoint} en {milliseconds} ms."

REPORT_TITLE = "hfskin: lo que dice un programa de una lesión de la piel"
REPORT_FACTS = "Hecho el {date}. Modelo: {checkpoint}."
REPORT_SAVE, REPORT_PRINT = "Guardar como informe", "Imprimir o PDF"
REPORT_PNG, REPORT_CLOSE = "Como imagen", "Cerrar"
REPORT_NOTE = "Hecho con lo que está arriba; no se envía nada. En la ventana de impresión elija «Guardar como PDF»."

# Over time: what a browser keeps of pictures, side by side
KEEP = "Guardar para comparar"
TIME = {
    "intro": "Dos imágenes de una misma lesión, una al lado de otra. Lo que guarde queda solo en este navegador: ni "
    "en el servidor ni en ningún otro sitio. Quien use este navegador puede verlo; aquí se puede borrar.",
    "empty": "Todavía no hay nada guardado. Mire una imagen en «Mirar» y pulse «Guardar para comparar» debajo de la "
    "respuesta.",
    "one": "Hay una imagen guardada. Cuando haya otra de la misma lesión, las dos estarán aquí una al lado de otra.",
    "kept": "Guardada en este navegador; dos de ellas se ven una al lado de otra en «Evolución».",
    "full": "En este navegador no hay sitio, o no deja que las páginas guarden nada. Borre imágenes anteriores.",
    "date": "Tomada el",
    "name": "Qué lesión",
    "compare": "Comparar",
    "remove": "Borrar",
    "remove_all": "Borrarlas todas",
    "number": "{number} de 100: {word}",
    "choose": "Elija dos imágenes para compararlas.",
    "change": "De {first} a {second} de 100 en {days} días: un cambio de {change}.",
    "change_on_a_day": "De {first} a {second} de 100 el mismo día: un cambio de {change}.",
    "change_in_a_day": "De {first} a {second} de 100 en un día: un cambio de {change}.",
    "same": "El número es el mismo.",
    "within": "Eso dice poco: entre dos imágenes de una lesión que no ha cambiado, el número difiere hasta en "
    "{spread} en 9 de cada 10 lesiones.",
    "beyond": "Es más de lo que explican las imágenes por sí solas: entre dos imágenes de una lesión que no ha "
    "cambiado, el número difiere hasta en {spread} en 9 de cada 10 lesiones. Enseñe las dos a un dermatólogo.",
    "measured": "Medido con {pictures} imágenes de {lesions} lesiones de HAM10000.",
    "unmeasured": "Para este modelo nadie ha medido cuánto difiere el número entre imágenes de una lesión que no ha "
    "cambiado.",
    "other_checkpoint": "Respondieron dos modelos distintos: sus números no se pueden comparar.",
    "other_patient": "La edad, el sexo o la zona del cuerpo no son los mismos: eso solo ya cambia el número.",
    "doctor": "Digan lo que digan los números: enseñe a un médico una lesión que cambie de tamaño, forma o color. Que "
    "el número baje no significa que no haya peligro.",
}

_UNKNOWN = "sin indicar: la respuesta se apoya más en la imagen sola"
PIPELINE = {
    "{first}, {second}, {third} unknown: the answer rests more on the picture alone": (
        "{first}, {second}, {third} " + _UNKNOWN
    ),
    "{first}, {second} unknown: the answer rests more on the picture alone": "{first}, {second} " + _UNKNOWN,
    "{first} unknown: the answer rests more on the picture alone": "{first} " + _UNKNOWN,
    "the picture is small ({size} pixels): details are missing": (
        "la imagen es pequeña ({size} píxeles): faltan detalles"
    ),
    "the picture looks blurred: details are missing; take it again: hold still, clean the lens, and wait for the "
    "focus": (
        "la imagen parece borrosa: faltan detalles; tómela otra vez: no se mueva, limpie la lente y espere el enfoque"
    ),
    "below 45 years the answer without the age counts where it is more cautious, as here: with the age, too many "
    "malignant lesions of the young would be missed": (
        "por debajo de los 45 años cuenta la respuesta sin la edad donde es más prudente, como aquí: con la edad se "
        "pasarían por alto demasiadas lesiones malignas de los jóvenes"
    ),
    "the picture seems to be taken from a screen or a print; take it again: of the skin itself, through the "
    "dermatoscope": (
        "la imagen parece tomada de una pantalla o de un papel impreso; "
        "tómela otra vez: de la propia piel, a través del dermatoscopio"
    ),
    "hairs or a ruler seem to cross the picture: they may hide details": (
        "parece que pelos o una regla cruzan la imagen: pueden ocultar detalles"
    ),
    "16-bit grey levels were reduced to 8 bits": "los grises de 16 bits se redujeron a 8",
    "converted from CMYK; colours may differ from the original": (
        "convertida de CMYK; los colores pueden diferir del original"
    ),
    "transparent parts were filled with white": "las partes transparentes se llenaron de blanco",
    "the picture has no colour; the model was trained on colour": (
        "la imagen no tiene color; el modelo aprendió de imágenes en color"
    ),
    "{field}: {value} is not known; use one of: {choices}; answered without it": (
        "{field}: {value} no se conoce; use: {choices}; respondido sin ello"
    ),
    "{field}: {value} is outside 0 to 120 years; answered without it": (
        "{field}: {value} no está entre 0 y 120 años; respondido sin ello"
    ),
    "{field}: {value} is not a number; give years (0 to 120) or leave it empty; answered without it": (
        "{field}: {value} no es un número; indique años (0 a 120) o déjelo vacío; respondido sin ello"
    ),
    "{file}: not a picture that can be read; use JPEG, PNG, TIFF, BMP or WebP": (
        "{file}: no es una imagen legible; use JPEG, PNG, TIFF, BMP o WebP"
    ),
    "{file}: damaged or cut off ({error}); save or copy it again": (
        "{file}: dañada o cortada ({error}); guárdela o cópiela otra vez"
    ),
    "{file}: the file is empty": "{file}: el archivo está vacío",
    "{file}: {size} pixels is too small; at least {least} on each side are needed": (
        "{file}: {size} píxeles son pocos; hacen falta al menos {least} por lado"
    ),
    "{file}: {size} is more than {most} megapixels; make it smaller": (
        "{file}: {size} es más de {most} megapíxeles; redúzcala"
    ),
    "{file}: has several frames or pages; save the one to look at as a JPEG or PNG": (
        "{file}: tiene varias imágenes o páginas; guarde la que interesa como JPEG o PNG"
    ),
    "{file}: refused: {error}; save it again as a plain JPEG or PNG": (
        "{file}: rechazada: {error}; guárdela como JPEG o PNG sencillo"
    ),
}

VIEW = "Adónde miró el modelo"
VIEW_ATTENTION, VIEW_GRAD_CAM = "Atención", "Grad-CAM"
FIGURE_ALT = "La imagen juzgada"
ATTENTION_CAPTION = (
    "Amarillo: donde Soft-Attention puso más peso, que puede estar junto a la lesión. No muestra dónde hay una "
    "enfermedad ni explica por sí solo la respuesta."
)
GRAD_CAM_CAPTION = (
    "Amarillo: lo que más apoya «{name}», según Grad-CAM, un método tosco. No muestra dónde hay una enfermedad."
)
CROP_CAPTION = "El marco señala la parte que vio el modelo."
HEAT_STRENGTH = "Intensidad de los colores"

BATCH_INTRO = (
    "Elija imágenes, o archivos zip de imágenes y, si lo tiene, un CSV con las columnas `image_id`, `age`, `sex` y "
    "`localization` (como en HAM10000). Como máximo {pictures} imágenes a la vez."
)
BATCH_FILES, BATCH_METADATA = "Imágenes o archivos zip", "CSV con datos (opcional)"
BATCH_RUN = "Mirarlas todas"
BATCH_PROGRESS = "{done} de {total} imágenes"
BATCH_NONE = "Todavía no hay archivos. Elija primero imágenes o un archivo zip."
BATCH_BY = "Respondido por {checkpoint}."
BATCH_DOWNLOAD = "Descargar la tabla (CSV)"
BATCH_TABLE = "Resultados, una fila por imagen, las urgentes primero"
BATCH_SHOW, BATCH_ALL = "Mostrar", "Todas"
BATCH_KINDS = {
    "suspicious": "Sospechosas",
    "unsure": "Dudosas",
    "open": "Sin umbral",
    "calm": "Sin alarma",
    "refused": "Sin respuesta",
    "failed": "No leídas",
}
BATCH_SORT = "Ordenar por {name}"
BATCH_COLUMNS = ("Imagen", "Veredicto", "De 100, malignas", "Lo que parece", "Notas")
BATCH_FAILED = "No leída"

COMPARE_INTRO = (
    "Para investigadores: la imagen de «Mirar», respondida por dos modelos. El segundo puede ser una carpeta o un "
    "repositorio del Hub como `user/name` o `user/name@revision`; se busca de nuevo cada vez. Durante su visita "
    "responde también en «Mirar» y «Varias»."
)
COMPARE_INTRO_LISTED = (
    "Para investigadores: la imagen de «Mirar», respondida por dos modelos. Durante su visita el segundo responde "
    "también en «Mirar» y «Varias»."
)
CHECKPOINT_START = "Aquel con el que empezó esta página"
CHECKPOINT_CHOICE = "Otro modelo"
CHECKPOINT_USE = "Usarlo"
CHECKPOINT_FAILED = "Este modelo no se puede usar"
COMPARE_NOTHING = "Elija otro modelo para ver ambas respuestas juntas."
COMPARE_NO_PICTURE = "Elija primero una imagen en «Mirar»; entonces estarán aquí ambas respuestas."
COMPARE_TABLE = "Las respuestas de ambos modelos a una imagen"
COMPARE_ROWS = ("Veredicto", "De 100, malignas o precursoras", "Alarma desde", "Lo más probable", "Candidatos")
NONE = "–"

ABOUT = (
    "hfskin es un programa que mira una imagen de una lesión de la piel tomada con un dermatoscopio. Dice cuántas "
    "veces eran malignas las lesiones con el mismo número, a qué se parece y qué hacer. Aprendió de imágenes del "
    "conjunto HAM10000, casi todas de piel clara, de dos clínicas. Pasa por alto algunos cánceres y da muchas falsas "
    "alarmas. No es un producto sanitario ni sustituye a un médico."
)
CHECKPOINT = "Qué modelo responde"
CHECKPOINT_LINE = (
    "Responde {name}, revisión {revision}: {backbone}, entrada de {width}x{height} píxeles, {parameters} millones de "
    "parámetros."
)
PLOTS = {
    "plots/confusion_matrix.png": "Matriz de confusión en la parte de prueba: clases verdaderas frente a predichas",
    "plots/roc.png": "Curvas ROC en la parte de prueba, una por clase",
    "plots/reliability.png": "Fiabilidad en la parte de prueba: probabilidad dicha frente a aciertos",
}
CARD = "La ficha completa del modelo, con sus gráficos (en inglés)"
NO_CARD = "Este modelo no trae ficha."
API_TITLE = "API"
