-- Tests make and drop databases of their own.
CREATE USER IF NOT EXISTS 'chainbill'@'%' IDENTIFIED BY 'chainbill';
GRANT ALL PRIVILEGES ON *.* TO 'chainbill'@'%';
CREATE DATABASE IF NOT EXISTS chainbill;
