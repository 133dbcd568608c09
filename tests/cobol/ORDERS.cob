      * Writes orders, their lines and notes to ORDERS.dat as a mainframe
      * would, and prints every field of every record before.
       IDENTIFICATION DIVISION.
       PROGRAM-ID. ORDERS.
       ENVIRONMENT DIVISION.
       CONFIGURATION SECTION.
       SPECIAL-NAMES.
           ALPHABET EBC IS EBCDIC
           ALPHABET ASC IS ASCII.
       INPUT-OUTPUT SECTION.
       FILE-CONTROL.
           SELECT ORDERS ASSIGN TO "ORDERS.dat".
       DATA DIVISION.
       FILE SECTION.
       FD  ORDERS RECORD IS VARYING DEPENDING ON W-LENGTH.
           COPY "ORDERS.cpy".
       01  ANY-RECORD              PIC X(60).
       WORKING-STORAGE SECTION.
       01  W-LENGTH                PIC 9(4) COMP-5.
       01  W-ORDER                 PIC 9(4) COMP-5.
       01  W-LINE                  PIC 9(4) COMP-5.
       01  W-INDEX                 PIC 9(4) COMP-5.
       01  W-COLOURS               PIC X(18) VALUE "REDRD    JET   XYZ".
       01  FILLER REDEFINES W-COLOURS.
           05  W-COLOUR            PIC X(3) OCCURS 6.
       01  W-NOTE                  PIC X(30)
           VALUE "Leave it at the door [23], pls".

       PROCEDURE DIVISION.
           OPEN OUTPUT ORDERS.
           PERFORM WRITE-ORDER VARYING W-ORDER FROM 0 BY 1
               UNTIL W-ORDER > 11.
           CLOSE ORDERS.
           STOP RUN.

       WRITE-ORDER.
           MOVE "H" TO KIND.
           COMPUTE ORDER-NUMBER = 1000 + W-ORDER.
           COMPUTE ORDERED-ON = 20260101 + W-ORDER * 100 + W-ORDER.
           MOVE W-ORDER TO PROGRESS.
           MOVE W-COLOUR (FUNCTION MOD (W-ORDER, 6) + 1) TO COLOUR.
           COMPUTE AMOUNT = (W-ORDER - 5) * 1234.56.
           DISPLAY "RECORD".
           DISPLAY "ORDER-NUMBER=" ORDER-NUMBER.
           DISPLAY "ORDER-YEAR=" ORDER-YEAR.
           DISPLAY "ORDER-MONTH=" ORDER-MONTH.
           DISPLAY "ORDER-DAY=" ORDER-DAY.
           DISPLAY "ORDERED-ON=" ORDERED-ON.
           DISPLAY "PROGRESS=" PROGRESS.
           DISPLAY "COLOUR=" COLOUR.
           DISPLAY "AMOUNT=" AMOUNT.
           DISPLAY "WHEN-AND-HOW=" WHEN-AND-HOW.
           EVALUATE TRUE
               WHEN PLACED     DISPLAY "progress=PLACED"
               WHEN ON-ITS-WAY DISPLAY "progress=ON-ITS-WAY"
               WHEN DELIVERED  DISPLAY "progress=DELIVERED"
           END-EVALUATE.
           EVALUATE TRUE
               WHEN RED       DISPLAY "colour=RED"
               WHEN A-TO-M    DISPLAY "colour=A-TO-M"
               WHEN NO-COLOUR DISPLAY "colour=NO-COLOUR"
           END-EVALUATE.
           EVALUATE TRUE
               WHEN OWED    DISPLAY "amount=OWED"
               WHEN NO-AMOUNT DISPLAY "amount=NO-AMOUNT"
           END-EVALUATE.
           INSPECT ORDER-NUMBER (1:) CONVERTING ASC TO EBC.
           INSPECT ORDERED CONVERTING ASC TO EBC.
           INSPECT PROGRESS (1:) CONVERTING ASC TO EBC.
           INSPECT COLOUR CONVERTING ASC TO EBC.
           MOVE LENGTH OF ORDER-HEADER TO W-LENGTH.
           PERFORM WRITE-RECORD.
           PERFORM WRITE-LINE VARYING W-LINE FROM 1 BY 1
               UNTIL W-LINE > FUNCTION MOD (W-ORDER, 4).
           IF W-ORDER > 0
               PERFORM WRITE-NOTE
           END-IF.

       WRITE-LINE.
           MOVE "L" TO KIND.
           MOVE "AB-[!]" TO ARTICLE.
           COMPUTE QUANTITY = W-LINE * 1000 - 2000.
           COMPUTE PRICE = (W-LINE - 2) * 99.95 * W-ORDER.
           DISPLAY "RECORD".
           DISPLAY "ARTICLE=" ARTICLE.
           DISPLAY "QUANTITY=" QUANTITY.
           DISPLAY "PRICE=" PRICE.
           DISPLAY "PRICE-SIGN=" PRICE-SIGN.
           PERFORM VARYING W-INDEX FROM 1 BY 1 UNTIL W-INDEX > 7
               DISPLAY "PRICE-DIGIT=" PRICE-DIGIT (W-INDEX)
           END-PERFORM.
           INSPECT ARTICLE CONVERTING ASC TO EBC.
           INSPECT PRICE-CODES CONVERTING ASC TO EBC.
           MOVE LENGTH OF ORDER-LINE TO W-LENGTH.
           PERFORM WRITE-RECORD.

       WRITE-NOTE.
           MOVE "N" TO KIND.
           COMPUTE NOTE-LENGTH = W-ORDER * 2 + 8.
           MOVE W-NOTE TO NOTE-TEXT.
           DISPLAY "RECORD".
           DISPLAY "NOTE-LENGTH=" NOTE-LENGTH.
           PERFORM VARYING W-INDEX FROM 1 BY 1
                   UNTIL W-INDEX > NOTE-LENGTH
               DISPLAY "LETTER=" LETTER (W-INDEX)
           END-PERFORM.
           INSPECT NOTE-TEXT CONVERTING ASC TO EBC.
           MOVE LENGTH OF ORDER-NOTE TO W-LENGTH.
           PERFORM WRITE-RECORD.

       WRITE-RECORD.
           DISPLAY "KIND=" KIND.
           DISPLAY "BYTES=" W-LENGTH.
           INSPECT KIND CONVERTING ASC TO EBC.
           WRITE ANY-RECORD.
