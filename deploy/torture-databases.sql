-- Torture reads what clients send to MySQL, so its connections are not encrypted; and MySQL forgets with each restart whose
-- password it may check without encryption. A user without a password, on loopback only, is not asked for one.
CREATE USER IF NOT EXISTS 'torture'@'%' IDENTIFIED BY '';
GRANT ALL PRIVILEGES ON *.* TO 'torture'@'%';
CREATE DATABASE IF NOT EXISTS chainbill;
