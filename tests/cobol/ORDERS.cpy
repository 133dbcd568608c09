      * An order file: three kinds of records, of different lengths.
       01  ORDER-HEADER.
           05  KIND                PIC X.
           05  ORDER-NUMBER        PIC 9(8).
           05  ORDERED.
               10  ORDER-YEAR      PIC 9(4).
               10  ORDER-MONTH     PIC 9(2).
               10  ORDER-DAY       PIC 9(2).
           05  ORDERED-ON REDEFINES ORDERED
                                   PIC 9(8).
           05  PROGRESS            PIC 9(2).
               88  PLACED          VALUE ZERO.
               88  ON-ITS-WAY      VALUES 1 THRU 4, 6.
               88  DELIVERED       VALUE 5 7 9.
           05  COLOUR              PIC X(3).
               88  RED             VALUES "RED" "RD".
               88  A-TO-M          VALUES "A" THRU "M".
               88  NO-COLOUR       VALUE SPACES.
           05  AMOUNT              PIC S9(7)V99 COMP-3.
               88  OWED            VALUES -9999999.99 THRU -0.01.
               88  NO-AMOUNT       VALUE 0.
           66  WHEN-AND-HOW RENAMES ORDERED THRU PROGRESS.
       01  ORDER-LINE.
           05  FILLER              PIC X.
           05  ARTICLE             PIC X(6).
           05  QUANTITY            PIC S9(4) COMP.
           05  PRICE               PIC S9(5)V99 SIGN LEADING SEPARATE.
           05  PRICE-CODES REDEFINES PRICE.
               10  PRICE-SIGN      PIC X.
               10  PRICE-DIGIT     PIC 9 OCCURS 7.
       01  ORDER-NOTE.
           05  FILLER              PIC X.
           05  NOTE-LENGTH         PIC S9(4) COMP.
           05  NOTE-TEXT.
               10  LETTER          PIC X
                   OCCURS 1 TO 30 DEPENDING ON NOTE-LENGTH.
