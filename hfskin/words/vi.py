"""Tiếng Việt: mọi lời của câu trả lời và của trang.

Nguồn của các từ y khoa: docs/words.md; chưa có bác sĩ nào duyệt lại.
"""

LANGUAGE, LANGUAGE_NAME, LANGUAGE_CHOICE = "vi", "Tiếng Việt", "Ngôn ngữ"

TITLE = "hfskin"
SUBTITLE = "Cái nhìn thứ hai của máy về một tổn thương da"
NOT_A_DEVICE = "Không phải thiết bị y tế. Nó có thể sai và không thay được bác sĩ."
PRIVACY_LINE = "Ảnh của bạn chỉ ở trên máy chủ này nhiều nhất {minutes} phút và không đi đâu khác."
PRIVACY = (
    "Ảnh của bạn nằm trong một tệp tạm, bị xóa khi bạn đóng trang, muộn nhất sau {minutes} phút. Chỉ ghi lại số lượng "
    "và thời gian."
)
LIMITS = "{kinds}, tối đa {megabytes} MB mỗi tệp."

TAB_LOOK, TAB_BATCH, TAB_COMPARE, TAB_ABOUT = "Xem", "Nhiều ảnh", "Mô hình", "Giới thiệu"
TAB_TIME = "Theo dõi"

NEEDS = (
    "Một tổn thương, nhìn qua máy soi da (dermatoscope), rõ nét. Ảnh chụp da thông thường không thể đánh giá ở đây, dù "
    "trang không phải lúc nào cũng nhận ra."
)
PICTURE = "Ảnh của tổn thương"
PICTURE_ALT = "Ảnh bạn đã chọn"
PICTURE_HINT = "Thả, dán hoặc chọn ảnh, hoặc dùng máy ảnh"
AGE, AGE_HINT = "Tuổi", "Năm; có thể để trống"
SEX, SITE, SITE_HINT = "Giới tính", "Vị trí trên cơ thể", "Có thể không chọn"
SEXES = {"female": "Nữ", "male": "Nam", "unknown": "Không rõ"}
SITES = {
    "unknown": "Không rõ",
    "scalp": "Da đầu",
    "face": "Mặt",
    "ear": "Tai",
    "neck": "Cổ",
    "chest": "Ngực",
    "abdomen": "Bụng",
    "back": "Lưng",
    "trunk": "Thân mình (ngực, bụng hoặc lưng)",
    "upper extremity": "Cánh tay",
    "hand": "Bàn tay",
    "lower extremity": "Chân",
    "foot": "Bàn chân",
    "acral": "Lòng bàn tay hoặc lòng bàn chân",
    "genital": "Vùng sinh dục",
}
CAMERA = "Chụp ảnh"
AGE_WRONG = "{value}: không phải tuổi tính bằng năm (0 đến 120); đã trả lời không dùng tuổi."
EXAMPLES = "Không có sẵn ảnh? Hãy thử một trong các ảnh này"
EXAMPLES_NOTE = (
    "Mỗi loại một tổn thương từ HAM10000 (CC BY-NC 4.0); mô hình đi kèm không học từ ảnh nào trong số đó. Chẩn đoán "
    "thật hiện sau câu trả lời."
)
EXAMPLE_BUTTON = "Ví dụ {number}"
EMPTY = "Câu trả lời sẽ hiện ở đây."
EMPTY_POINTS = (
    "Nên làm gì, và mô hình có thấy tổn thương đáng ngờ không",
    "Các chẩn đoán có thể, kèm xác suất",
    "Mô hình đã nhìn vào đâu trên ảnh",
)

ANSWER = "Trả lời"
FAILED = "Không có câu trả lời cho ảnh này"
NO_PICTURE = "Chưa có ảnh. Hãy chọn một ảnh hoặc một ví dụ."
FILE_GONE = "Tệp đã bị xóa khỏi máy chủ vì để quá lâu. Hãy chọn lại."
CANNOT_ANSWER = "Trang không thể trả lời yêu cầu này."

SUSPICIOUS, CALM, UNSURE = "Đáng ngờ", "Không báo động", "Không chắc"
NO_ANSWER, OPEN = "Không trả lời", "Không có ngưỡng"
OF_100, OR = "trên 100", "hoặc"
UNDER, OVER = "dưới {number}", "trên {number}"
RULES_OUT_NOT = "Không thể loại trừ {names}."
NUMBER = "Trong 100 tổn thương có con số này ở dữ liệu kiểm định, {number} là ác tính hoặc tiền ung thư"
NUMBER_ONE = "Trong 100 tổn thương có con số này ở dữ liệu kiểm định, 1 là ác tính hoặc tiền ung thư"
ALARM_STARTS = "báo động bắt đầu từ {threshold}"
NO_ALL_CLEAR = "Điều này chưa có nghĩa là an toàn: vẫn có tổn thương ác tính bị bỏ sót."
MISSED = "Ở đó {share} trên 100 tổn thương ác tính nằm dưới mức này."
MISSED_ELSEWHERE = "Với ảnh của các cơ sở khác, {missed} trên {melanomas} ca ung thư hắc tố nằm dưới mức này."
BELOW_ALL_THE_SAME = "Con số thấp hơn mức báo động, nhưng chẩn đoán có khả năng nhất, {name}, thì không nên chờ."
NO_NUMBER = "Mô hình này không phân các loại thành ác tính và lành tính, nên không đưa ra con số."
WITHOUT_THRESHOLD = "mô hình này không có ngưỡng để so sánh"
UNUSUAL = "Ảnh này không giống các ảnh mà mô hình đã học: với ảnh như vậy nó sai nhiều hơn. Đừng quá tin câu trả lời."
ALARM_MARK = "báo động từ {threshold}"
NEXT = "Nên làm gì"
NEXT_SUSPICIOUS = "Hãy sớm nhờ bác sĩ da liễu xem tổn thương này. Ước tính có thể sai, nhưng không nên chờ đợi."
NEXT_OTHER = (
    "Nếu tổn thương mới xuất hiện, thay đổi, ngứa, chảy máu hoặc làm bạn lo, hãy cho bác sĩ xem, dù trang này nói gì."
)
NEXT_NEAR = (
    "Con số không thấp hơn mức báo động bao nhiêu: hãy cho bác sĩ xem tổn thương khi có dịp, và sớm nếu nó mới xuất "
    "hiện, thay đổi, ngứa hoặc chảy máu."
)
FOR_WHOM = "Trả lời cho: {patient}"
PATIENT, YEARS = "{field}: {value}", "{age} tuổi"
STALE = "Có điều đã thay đổi; câu trả lời mới đang đến."
SHOW_ANSWER = "Xem"
THUMBNAIL_ALT = "Ảnh của câu trả lời này"

REFUSED_WHY = (
    "Đây không giống ảnh soi da của một tổn thương. Với ảnh khác, các con số của mô hình không có ý nghĩa, nên không "
    "hiện số nào."
)
REFUSED_NEXT = (
    "Hãy chụp qua máy soi da, rõ nét, tổn thương ở giữa. Ảnh chụp không có máy soi thì không đánh giá được ở đây. Nếu "
    "một vết làm bạn lo, hãy cho bác sĩ xem."
)
UNCLEAR_WHY = "Ảnh không đủ rõ để biết đó có phải là một tổn thương hay không."
UNCLEAR_NEXT = (
    "Hãy chụp lại: qua máy soi da, rõ nét, không chụp từ màn hình hay bản in. Nếu vết đó làm bạn lo, hãy cho bác sĩ "
    "xem."
)

DETAILS = "Chi tiết"
LIKELY = "Mô hình thấy giống gì"
SET = "Khả năng: {names}."
SET_OF_ALL = "Không thể loại trừ loại nào."
SET_COVERAGE = "Danh sách như vậy thiếu chẩn đoán thật ở khoảng {share} ảnh kiểm định."
MALIGNANT = "Con số là xác suất ước tính, tính bằng phần trăm, rằng tổn thương là ác tính hoặc tiền ung thư: {names}."
SENSITIVITY = "Ngưỡng báo động {threshold} được đặt sao cho {share} ảnh ác tính trong dữ liệu kiểm định đạt tới."
NOT_HARMLESS = "Con số thấp hơn không chứng minh rằng tổn thương là vô hại."
DIAGNOSES = {
    "akiec": "dày sừng ánh sáng / bệnh Bowen",
    "bcc": "ung thư biểu mô tế bào đáy",
    "bkl": "dày sừng lành tính",
    "df": "u xơ bì",
    "mel": "ung thư hắc tố (melanoma)",
    "nv": "nốt ruồi (nevus)",
    "vasc": "tổn thương mạch máu",
}
ABOUT_DIAGNOSES = {
    "akiec": "Da bị tổn thương do nắng, có thể thành ung thư; thường được điều trị, hay bằng kem bôi hoặc áp lạnh.",
    "bcc": "Ung thư da thường gặp nhất; lớn chậm và hầu như không lan; thường được cắt bỏ.",
    "bkl": "Phần da dày lên vô hại, như dày sừng tiết bã ở người lớn tuổi; thường không cần điều trị.",
    "df": "Cục chắc, vô hại trong da; thường không cần điều trị.",
    "mel": "Ung thư của tế bào sắc tố, có thể lan; được cắt sớm và xem dưới kính hiển vi.",
    "nv": "Nốt ruồi vô hại; không cần điều trị, nhưng phải khám lại nếu thay đổi.",
    "vasc": "Mạch máu nhỏ hoặc máu trong da; thường vô hại và không cần điều trị.",
}
FIELDS = {"age": "tuổi", "sex": "giới tính", "localization": "vị trí"}
EFFECT = "{name} {points}"
EFFECTS = "Điều đã biết về bệnh nhân làm con số thay đổi (điểm phần trăm): {moves}."
TRUTH = "Chẩn đoán thật của ví dụ này: {name} ({how})."
TRUTH_HOW = {
    "histo": "xác nhận dưới kính hiển vi",
    "follow_up": "xác nhận qua theo dõi",
    "consensus": "các chuyên gia đồng ý",
    "confocal": "xác nhận bằng kính hiển vi đồng tiêu",
}
POPULATION_NOTE = (
    "Ước tính đúng với bệnh nhân như trong các ảnh huấn luyện, được chuyên gia khám. Ở người khác, tổn thương ác tính "
    "hiếm hơn."
)
SKIN_NOTE = "Ảnh huấn luyện hầu như chỉ có da sáng. Với da sẫm màu, hãy tin câu trả lời này ít hơn nữa."
ANSWERED_BY = "Trả lời bởi {checkpoint} trong {milliseconds} ms."

REPORT_TITLE = "hfskin: một chương trình nói gì về một tổn thương da"
REPORT_FACTS = "Lập ngày {date}. Mô hình: {checkpoint}."
REPORT_SAVE, REPORT_PRINT = "Lưu thành báo cáo", "In hoặc lưu PDF"
REPORT_PNG, REPORT_CLOSE = "Lưu thành ảnh", "Đóng"
REPORT_NOTE = "Lập từ những gì ở trên; không gửi đi đâu cả. Trong cửa sổ in của trình duyệt, chọn “Lưu dưới dạng PDF”."

# Over time: what a browser keeps of pictures, side by side
KEEP = "Giữ lại để so sánh sau"
TIME = {
    "intro": "Hai ảnh của cùng một tổn thương, đặt cạnh nhau. Những gì bạn giữ lại chỉ nằm trong trình duyệt này: "
    "không ở máy chủ và không ở nơi nào khác. Ai dùng trình duyệt này cũng xem được; có thể xóa tại đây.",
    "empty": "Chưa giữ lại ảnh nào. Hãy xem một ảnh ở thẻ “Xem” rồi bấm “Giữ lại để so sánh sau” dưới câu trả lời.",
    "one": "Đã giữ một ảnh. Khi có ảnh thứ hai của cùng tổn thương, hai ảnh sẽ nằm cạnh nhau ở đây.",
    "kept": "Đã giữ trong trình duyệt này; hai ảnh sẽ nằm cạnh nhau ở thẻ “Theo dõi”.",
    "full": "Trình duyệt này không còn chỗ, hoặc không cho trang giữ lại gì. Hãy xóa các ảnh cũ.",
    "date": "Ngày chụp",
    "name": "Tổn thương nào",
    "compare": "So sánh",
    "remove": "Xóa",
    "remove_all": "Xóa tất cả",
    "number": "{number} trên 100: {word}",
    "choose": "Hãy chọn hai ảnh để so sánh.",
    "change": "Từ {first} đến {second} trên 100 trong {days} ngày: thay đổi {change}.",
    "change_on_a_day": "Từ {first} đến {second} trên 100 trong cùng ngày: thay đổi {change}.",
    "change_in_a_day": "Từ {first} đến {second} trên 100 trong một ngày: thay đổi {change}.",
    "same": "Con số không đổi.",
    "within": "Điều đó nói lên rất ít: giữa hai ảnh của một tổn thương không thay đổi, con số chênh nhau đến {spread} "
    "ở 9 trong 10 tổn thương.",
    "beyond": "Mức đó nhiều hơn chênh lệch do ảnh: giữa hai ảnh của một tổn thương không thay đổi, con số chênh nhau "
    "đến {spread} ở 9 trong 10 tổn thương. Hãy cho bác sĩ da liễu xem cả hai ảnh.",
    "measured": "Đo trên {pictures} ảnh của {lesions} tổn thương trong HAM10000.",
    "unmeasured": "Với mô hình này, chưa ai đo con số chênh nhau bao nhiêu giữa các ảnh của một tổn thương không thay "
    "đổi.",
    "other_checkpoint": "Hai mô hình khác nhau đã trả lời: không thể so sánh các con số của chúng.",
    "other_patient": "Tuổi, giới tính hoặc vị trí khác nhau giữa hai ảnh: riêng điều đó đã làm con số thay đổi.",
    "doctor": "Dù con số nói gì: hãy cho bác sĩ xem tổn thương thay đổi kích thước, hình dạng hoặc màu sắc. Con số "
    "giảm không có nghĩa là an toàn.",
}

_UNKNOWN = "không rõ: câu trả lời dựa nhiều hơn vào ảnh"
PIPELINE = {
    "{first}, {second}, {third} unknown: the answer rests more on the picture alone": (
        "{first}, {second}, {third} " + _UNKNOWN
    ),
    "{first}, {second} unknown: the answer rests more on the picture alone": "{first}, {second} " + _UNKNOWN,
    "{first} unknown: the answer rests more on the picture alone": "{first} " + _UNKNOWN,
    "the picture is small ({size} pixels): details are missing": "ảnh nhỏ ({size} điểm ảnh): thiếu chi tiết",
    "the picture looks blurred: details are missing; take it again: hold still, clean the lens, and wait for the "
    "focus": "ảnh có vẻ mờ: thiếu chi tiết; hãy chụp lại: giữ yên, lau ống kính và chờ lấy nét",
    "below 45 years the answer without the age counts where it is more cautious, as here: with the age, too many "
    "malignant lesions of the young would be missed": (
        "dưới 45 tuổi, câu trả lời không dùng tuổi được tính khi thận trọng hơn, như ở đây: nếu dùng tuổi sẽ bỏ sót "
        "quá nhiều tổn thương ác tính của người trẻ"
    ),
    "the picture seems to be taken from a screen or a print; take it again: of the skin itself, through the "
    "dermatoscope": (
        "ảnh có vẻ được chụp từ màn hình hoặc bản in; hãy chụp lại: chụp chính vùng da đó, qua máy soi da"
    ),
    "hairs or a ruler seem to cross the picture: they may hide details": (
        "có vẻ có lông hoặc thước cắt ngang ảnh: chúng có thể che chi tiết"
    ),
    "16-bit grey levels were reduced to 8 bits": "mức xám 16 bit được giảm xuống 8 bit",
    "converted from CMYK; colours may differ from the original": "chuyển từ CMYK; màu có thể khác bản gốc",
    "transparent parts were filled with white": "phần trong suốt được tô trắng",
    "the picture has no colour; the model was trained on colour": "ảnh không có màu; mô hình học từ ảnh màu",
    "{field}: {value} is not known; use one of: {choices}; answered without it": (
        "{field}: {value} không hợp lệ; hãy dùng: {choices}; đã trả lời không dùng giá trị này"
    ),
    "{field}: {value} is outside 0 to 120 years; answered without it": (
        "{field}: {value} không trong khoảng 0 đến 120 tuổi; đã trả lời không dùng giá trị này"
    ),
    "{field}: {value} is not a number; give years (0 to 120) or leave it empty; answered without it": (
        "{field}: {value} không phải là số; hãy cho số năm (0 đến 120) hoặc để trống; đã trả lời không dùng giá trị này"
    ),
    "{file}: not a picture that can be read; use JPEG, PNG, TIFF, BMP or WebP": (
        "{file}: không phải ảnh đọc được; hãy dùng JPEG, PNG, TIFF, BMP hoặc WebP"
    ),
    "{file}: damaged or cut off ({error}); save or copy it again": (
        "{file}: hỏng hoặc bị cắt ({error}); hãy lưu hoặc chép lại"
    ),
    "{file}: the file is empty": "{file}: tệp trống",
    "{file}: {size} pixels is too small; at least {least} on each side are needed": (
        "{file}: {size} điểm ảnh là quá nhỏ; cần ít nhất {least} mỗi cạnh"
    ),
    "{file}: {size} is more than {most} megapixels; make it smaller": (
        "{file}: {size} lớn hơn {most} megapixel; hãy thu nhỏ"
    ),
    "{file}: has several frames or pages; save the one to look at as a JPEG or PNG": (
        "{file}: có nhiều khung hoặc trang; hãy lưu ảnh cần xem thành JPEG hoặc PNG"
    ),
    "{file}: refused: {error}; save it again as a plain JPEG or PNG": (
        "{file}: bị từ chối: {error}; hãy lưu lại thành JPEG hoặc PNG thường"
    ),
}

VIEW = "Mô hình đã nhìn vào đâu"
VIEW_ATTENTION, VIEW_GRAD_CAM = "Chú ý", "Grad-CAM"
FIGURE_ALT = "Ảnh được đánh giá"
ATTENTION_CAPTION = (
    "Màu vàng: nơi Soft-Attention đặt nhiều trọng số nhất, có thể ở bên cạnh tổn thương. Nó không chỉ ra chỗ có bệnh, "
    "và một mình nó không giải thích câu trả lời."
)
GRAD_CAM_CAPTION = (
    "Màu vàng: điều ủng hộ “{name}” nhiều nhất, theo Grad-CAM, một phương pháp thô. Nó không chỉ ra chỗ có bệnh."
)
CROP_CAPTION = "Khung cho thấy phần mà mô hình đã nhìn."
HEAT_STRENGTH = "Độ đậm của màu"

BATCH_INTRO = (
    "Chọn ảnh, hoặc các tệp zip chứa ảnh, và nếu có, một tệp CSV với các cột `image_id`, `age`, `sex` và "
    "`localization` (như trong HAM10000). Nhiều nhất {pictures} ảnh mỗi lần."
)
BATCH_FILES, BATCH_METADATA = "Ảnh hoặc tệp zip", "CSV thông tin (có thể bỏ qua)"
BATCH_RUN = "Xem tất cả"
BATCH_PROGRESS = "{done} trên {total} ảnh"
BATCH_NONE = "Chưa có tệp nào. Trước hết hãy chọn ảnh hoặc tệp zip."
BATCH_BY = "Trả lời bởi {checkpoint}."
BATCH_DOWNLOAD = "Tải bảng về (CSV)"
BATCH_TABLE = "Kết quả, mỗi ảnh một dòng, ảnh khẩn cấp trước"
BATCH_SHOW, BATCH_ALL = "Hiện", "Tất cả"
BATCH_KINDS = {
    "suspicious": "Đáng ngờ",
    "unsure": "Không chắc",
    "open": "Không có ngưỡng",
    "calm": "Không báo động",
    "refused": "Không trả lời",
    "failed": "Không đọc được",
}
BATCH_SORT = "Sắp theo {name}"
BATCH_COLUMNS = ("Ảnh", "Kết luận", "Trên 100 ác tính", "Trông giống", "Ghi chú")
BATCH_FAILED = "Không đọc được"

COMPARE_INTRO = (
    "Cho người nghiên cứu: ảnh ở “Xem”, do hai mô hình trả lời. Mô hình thứ hai có thể là một thư mục, hoặc kho trên "
    "Hub dạng `user/name` hay `user/name@revision`; mỗi lần đều tìm lại. Trong lượt này nó cũng trả lời ở “Xem” và "
    "“Nhiều ảnh”."
)
COMPARE_INTRO_LISTED = (
    "Cho người nghiên cứu: ảnh ở “Xem”, do hai mô hình trả lời. Trong lượt này mô hình thứ hai cũng trả lời ở “Xem” và "
    "“Nhiều ảnh”."
)
CHECKPOINT_START = "Mô hình ban đầu của trang"
CHECKPOINT_CHOICE = "Mô hình khác"
CHECKPOINT_USE = "Dùng"
CHECKPOINT_FAILED = "Không dùng được mô hình này"
COMPARE_NOTHING = "Chọn mô hình khác để xem hai câu trả lời cạnh nhau."
COMPARE_NO_PICTURE = "Trước hết chọn ảnh ở “Xem”; khi đó hai câu trả lời hiện ở đây."
COMPARE_TABLE = "Câu trả lời của hai mô hình cho một ảnh"
COMPARE_ROWS = ("Kết luận", "Trên 100 ác tính hoặc tiền ung thư", "Báo động từ", "Có khả năng nhất", "Khả năng")
NONE = "–"

ABOUT = (
    "hfskin là chương trình xem ảnh một tổn thương da chụp qua máy soi da. Nó nói các tổn thương có cùng con số thường "
    "ác tính đến đâu, trông giống gì, và nên làm gì. Nó học từ ảnh của bộ dữ liệu HAM10000, hầu hết là da sáng, từ hai "
    "cơ sở y tế. Nó bỏ sót một số ung thư và báo động nhầm nhiều. Nó không phải thiết bị y tế và không thay được bác "
    "sĩ."
)
CHECKPOINT = "Mô hình nào trả lời"
CHECKPOINT_LINE = (
    "Trả lời bởi {name}, bản {revision}: {backbone}, ảnh vào {width}x{height} điểm ảnh, {parameters} triệu tham số."
)
PLOTS = {
    "plots/confusion_matrix.png": "Ma trận nhầm lẫn trên phần kiểm tra: loại thật và loại dự đoán",
    "plots/roc.png": "Đường ROC trên phần kiểm tra, mỗi loại một đường",
    "plots/reliability.png": "Độ tin cậy trên phần kiểm tra: xác suất nêu ra và tỉ lệ đúng",
}
CARD = "Toàn bộ thẻ mô tả mô hình, kèm biểu đồ (tiếng Anh)"
NO_CARD = "Mô hình này không có thẻ mô tả."
API_TITLE = "API"
